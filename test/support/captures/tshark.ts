/** Runs tshark to see how Wireshark reads a capture: conversations, the bytes of each side, messages. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pathOf } from '../install-tools.ts';

const run = promisify(execFile);

/** With these preferences, tshark joins bytes and messages across segments in any order. */
const PREFERENCES = [
  'tcp.desegment_tcp_streams:TRUE',
  'tcp.reassemble_out_of_order:TRUE',
  // Bytes that were acknowledged and are not in the capture are a hole; bytes that come later are not.
  'tcp.relative_sequence_numbers:TRUE',
];

export interface TsharkOptions {
  /** As `-d` takes them: `tcp.port==27017,mongo`. */
  readonly decodeAs?: readonly string[];
  /** Further options. */
  readonly more?: readonly string[];
}

/** Runs tshark, and returns what it prints. */
export async function tshark(
  file: string,
  args: readonly string[],
  options: TsharkOptions = {},
): Promise<string> {
  const path = pathOf('tshark');
  if (path === null) throw new Error('there is no tshark: ask need("tshark") first');
  const all = [
    ...['-r', file, '-n'],
    ...PREFERENCES.flatMap((each) => ['-o', each]),
    ...(options.decodeAs ?? []).flatMap((each) => ['-d', each]),
    ...(options.more ?? []),
    ...args,
  ];
  const { stdout } = await run(path, all, { maxBuffer: 1 << 30 });
  return stdout;
}

/** `address:port`, as tshark writes it: `127.0.0.1:53`, `::1:53`. */
export interface TsharkConversation {
  readonly a: string;
  readonly b: string;
}

/** The bytes of both sides of a conversation. */
export interface Followed {
  /** `address:port` of each. */
  readonly nodes: readonly [string, string];
  readonly bytes: readonly [Uint8Array, Uint8Array];
}

/** The values of some fields in one packet, each with all its occurrences in order. */
export interface Row {
  readonly stream: number;
  /** The port of the sender. */
  readonly port: number;
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** What tshark says of a capture in one run: to start it takes longer than to read a small file. */
export interface Told {
  /** The TCP conversations, in no particular order. */
  readonly conversations: readonly TsharkConversation[];
  /** What both sides sent in each of the first conversations, by `tcp.stream`. */
  readonly followed: readonly Followed[];
  /** The packets in which one of the fields occurs. */
  readonly rows: readonly Row[];
}

/**
 * The text that tshark writes in the place of `missing` bytes, with a zero at its end. It writes none for bytes that
 * the snap length has cut.
 */
export const missingText = (missing: number): string => `[${missing} bytes missing in capture file]\0`;

/**
 * Asks for the conversations, for the bytes of the first `streams` of them (where some are missing, there is
 * `missingText`), and for some fields.
 */
export async function told(
  file: string,
  { streams = 0, fields = [] }: { readonly streams?: number; readonly fields?: readonly string[] },
  options: TsharkOptions = {},
): Promise<Told> {
  const shown = ['tcp.stream', 'tcp.srcport', ...fields].flatMap((field) => ['-e', field]);
  const format = ['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', '-E', 'aggregator=|'];
  const rows = fields.length === 0 ? ['-q'] : ['-Y', fields.join(' or '), ...format, ...shown];
  const asked = Array.from({ length: streams }, (_, i) => ['-z', `follow,tcp,raw,${i}`]).flat();
  const text = await tshark(file, [...rows, '-z', 'conv,tcp', ...asked], options);
  // tshark prints the packets first, and then, between lines of equals signs, what `-z` asks for, in any order.
  const [packets = '', ...tables] = text.split(/^=+\n/m);
  const follows = tables.filter((table) => table.startsWith('Follow: ')).map(followedIn);
  return {
    conversations: conversationsIn(tables),
    followed:
      asked.length === 0
        ? []
        : Array.from({ length: streams }, (_, i) => follows.find(([stream]) => stream === i)![1]),
    rows: packets
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => rowIn(line, fields)),
  };
}

const conversationsIn = (tables: readonly string[]): TsharkConversation[] =>
  tables.flatMap((table) =>
    [...table.matchAll(/^(\S+)\s+<->\s+(\S+)/gm)].map(([, a = '', b = '']) => ({ a, b })),
  );

function followedIn(text: string): readonly [stream: number, Followed] {
  // tshark writes an IPv6 address with brackets here, and without them in the table of conversations.
  const node = (n: number) =>
    (new RegExp(`^Node ${n}: (.*)$`, 'm').exec(text)?.[1] ?? '').replace(/[[\]]/g, '');
  const lines = text.split('\n').filter((line) => /^\t?[0-9a-f]+$/.test(line));
  const side = (isSecond: boolean) => {
    const mine = lines.filter((line) => line.startsWith('\t') === isSecond).map((line) => line.trim());
    return new Uint8Array(Buffer.from(mine.join(''), 'hex'));
  };
  const stream = Number(/^Filter: tcp\.stream eq (\d+)$/m.exec(text)?.[1]);
  return [stream, { nodes: [node(0), node(1)], bytes: [side(false), side(true)] }];
}

function rowIn(line: string, fields: readonly string[]): Row {
  const [stream, port, ...values] = line.split('\t');
  const split = values.map((value) => (value === '' ? [] : value.split('|')));
  return {
    stream: Number(stream),
    port: Number(port),
    values: Object.fromEntries(fields.map((field, i) => [field, split[i] ?? []])),
  };
}

/** The bytes of both sides of conversation `stream` (`tcp.stream`), as `told` has them. */
export async function follow(file: string, stream: number): Promise<Followed> {
  return (await told(file, { streams: stream + 1 })).followed[stream]!;
}

/**
 * Lists what Wireshark has to say against the packets of a recording: nothing, if they are right.
 *
 * @param disabled protocols that it does not look for in their payloads, besides HTTP.
 */
export async function complaints(path: string, ...disabled: readonly string[]): Promise<string[]> {
  const checked = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
  const wrong = [
    'tcp.analysis.flags',
    'ip.checksum.status == "Bad"',
    'tcp.checksum.status != "Good"',
    '_ws.malformed',
    '_ws.expert.severity >= 0x600000 and not tcp.flags.reset == 1',
    'not tcp',
  ].join(' or ');
  // On ports of others it would look for their protocols in bytes that are of none.
  const asItIs = ['http', ...disabled].flatMap((name) => ['--disable-protocol', name]);
  return (await tshark(path, [...asItIs, ...checked, '-Y', wrong])).split('\n').filter((line) => line !== '');
}

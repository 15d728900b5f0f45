/** Runs tshark to see how Wireshark reads a capture: conversations, the bytes of each side, messages. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'vitest';
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

/** What tshark is asked for. */
export interface Asked {
  /** What both sides sent in so many conversations; where bytes are missing, there is `missingText`. */
  readonly streams?: number;
  readonly fields?: readonly string[];
}

/**
 * The text that tshark writes in the place of `missing` bytes, with a zero at its end. It writes none for bytes that
 * the snap length has cut.
 */
export const missingText = (missing: number): string => `[${missing} bytes missing in capture file]\0`;

/** Asks for the conversations, and what else there is to ask. */
export async function told(file: string, asked: Asked, options?: TsharkOptions): Promise<Told> {
  const { tables: _, ...said } = await askedFor(file, asked, options);
  return said;
}

async function askedFor(
  file: string,
  { streams = 0, fields = [] }: Asked,
  options?: TsharkOptions,
): Promise<Told & { readonly tables: readonly string[] }> {
  const shown = ['tcp.stream', 'tcp.srcport', ...fields].flatMap((field) => ['-e', field]);
  const format = ['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', '-E', 'aggregator=|'];
  const rows = fields.length === 0 ? ['-q'] : ['-Y', fields.join(' or '), ...format, ...shown];
  const asked = Array.from({ length: streams }, (_, i) => ['-z', `follow,tcp,raw,${i}`]).flat();
  const text = await tshark(file, [...rows, '-z', 'conv,tcp', ...asked], options);
  // tshark prints the packets first, and then, between lines of equals signs, what `-z` asks for, in any order.
  const [packets = '', ...tables] = text.split(/^=+\n/m);
  const follows = tables.filter((table) => table.startsWith('Follow: ')).map(followedIn);
  return {
    tables,
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

/** With these options tshark looks at all that `WRONG` tells. */
const CHECKING = [
  ...['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'],
  // On ports of others it would look for their protocols in bytes that are of none.
  ...['http', 'tds'].flatMap((name) => ['--disable-protocol', name]),
];

const WRONG = [
  'tcp.analysis.flags',
  'ip.checksum.status == "Bad"',
  'tcp.checksum.status != "Good"',
  '_ws.malformed',
  '_ws.expert.severity >= 0x600000 and not tcp.flags.reset == 1',
  'not tcp',
].join(' or ');

/** Lists what Wireshark has to say against the packets of a recording: nothing, if they are right. */
export async function complaints(path: string): Promise<string[]> {
  return (await tshark(path, [...CHECKING, '-Y', WRONG])).split('\n').filter((line) => line !== '');
}

/**
 * What `told` says of a recording against whose packets Wireshark has nothing to say. tshark reads them twice: in one pass
 * it does not know at a reset that this completes the connection.
 */
export async function toldOfFaultless(file: string, asked: Asked): Promise<Told> {
  const counted = ['-z', `io,stat,0,${WRONG}`];
  const { tables, ...said } = await askedFor(file, asked, { more: ['-2', ...CHECKING, ...counted] });
  const counts = tables.find((table) => table.includes('IO Statistics'));
  // Which packets they are takes another run.
  if (!/<>[^|]*\| +0 \|/.test(counts ?? '')) expect(await complaints(file)).toEqual([]);
  return said;
}

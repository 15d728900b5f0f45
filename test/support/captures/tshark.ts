/**
 * Wireshark's judgement of a capture, by way of tshark: conversations, the bytes of each side, messages.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { pathOf } from '../install-tools.ts';

const run = promisify(execFile);

/** With these, bytes and messages are put together across segments, whatever their order. */
const PREFERENCES = [
  'tcp.desegment_tcp_streams:TRUE',
  'tcp.reassemble_out_of_order:TRUE',
  // What was acknowledged and is not in the capture is a hole; what merely is not there yet is not.
  'tcp.relative_sequence_numbers:TRUE',
];

export interface TsharkOptions {
  /** As `-d` takes them: `tcp.port==27017,mongo`. */
  readonly decodeAs?: readonly string[];
  /** Further options. */
  readonly more?: readonly string[];
}

/** What tshark prints for these options. */
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

/** The TCP conversations, in no particular order. */
export async function conversations(file: string): Promise<TsharkConversation[]> {
  const table = await tshark(file, ['-q', '-z', 'conv,tcp']);
  return table.split('\n').flatMap((line) => {
    const [, a, b] = /^(\S+)\s+<->\s+(\S+)/.exec(line) ?? [];
    return a === undefined ? [] : [{ a, b: b! }];
  });
}

/** What one conversation's two sides sent. */
export interface Followed {
  /** `address:port` of each. */
  readonly nodes: readonly [string, string];
  readonly bytes: readonly [Uint8Array, Uint8Array];
}

/**
 * What tshark writes among the bytes in place of `missing` ones, a zero at the end and all. Of bytes that were cut by
 * the snap length it says nothing.
 */
export const missingText = (missing: number): string => `[${missing} bytes missing in capture file]\0`;

/** The bytes of both sides of conversation `stream` (`tcp.stream`). Where some are missing, there is `missingText`. */
export async function follow(file: string, stream: number): Promise<Followed> {
  const said = await tshark(file, ['-q', '-z', `follow,tcp,raw,${stream}`]);
  // An IPv6 address is in brackets here, and is not in the table of conversations.
  const node = (n: number) =>
    (new RegExp(`^Node ${n}: (.*)$`, 'm').exec(said)?.[1] ?? '').replace(/[[\]]/g, '');
  const lines = said.split('\n').filter((line) => /^\t?[0-9a-f]+$/.test(line));
  const side = (isSecond: boolean) =>
    new Uint8Array(
      Buffer.from(
        lines
          .filter((line) => line.startsWith('\t') === isSecond)
          .map((line) => line.trim())
          .join(''),
        'hex',
      ),
    );
  return { nodes: [node(0), node(1)], bytes: [side(false), side(true)] };
}

/** One packet's values of some fields, each with all its occurrences in their order. */
export interface Row {
  readonly stream: number;
  /** The port of who sent it. */
  readonly port: number;
  readonly values: readonly (readonly string[])[];
}

/** The packets in which the first of these fields occurs. */
export async function fieldRows(
  file: string,
  fields: readonly string[],
  options: TsharkOptions = {},
): Promise<Row[]> {
  const asked = ['tcp.stream', 'tcp.srcport', ...fields].flatMap((field) => ['-e', field]);
  const format = ['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', '-E', 'aggregator=|'];
  const said = await tshark(file, ['-Y', fields[0]!, ...format, ...asked], options);
  return said
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [stream, port, ...values] = line.split('\t');
      const split = values.map((value) => (value === '' ? [] : value.split('|')));
      return { stream: Number(stream), port: Number(port), values: split };
    });
}

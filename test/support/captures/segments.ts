/**
 * Scripts TCP conversations: makes the segments that a recording of them would have.
 *
 * @example
 * const { segments } = conversation().handshake().client('abc').server('de').fin('client').fin('server');
 */

import { otherSide } from '../../../src/capture/other-side.ts';
import { createReassembly, type ReassemblyOptions } from '../../../src/capture/reassembly/reassembly.ts';
import { NO_SCALE, type Segment, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '../../../src/capture/segment.ts';
import type { Side, StreamEvent } from '../../../src/capture/stream-event.ts';

export interface Ends {
  /** Addresses as their bytes: 4 or 16. Default 10.0.0.1 and 10.0.0.2. */
  readonly clientHost?: readonly number[];
  readonly serverHost?: readonly number[];
  /** Default 40000 and 80. */
  readonly clientPort?: number;
  readonly serverPort?: number;
  /** The sequence numbers of the SYNs; default 1000 and 5000. Near 2^32 they make positions wrap. */
  readonly clientIsn?: number;
  readonly serverIsn?: number;
  /** The time of the first packet; each further one is a millisecond later. Default: in 2023. */
  readonly from?: bigint;
  /** The number of the first packet; default 1. */
  readonly number?: number;
}

export interface Sent {
  /** Its position among the bytes of its side; default: behind the last of them. */
  readonly position?: number;
  readonly data?: string | Uint8Array;
  /** The length of its payload; default that of `data`. With more, the snap length has cut it. */
  readonly length?: number;
  /** Flags besides ACK; default none. */
  readonly flags?: number;
  /** The position of the other side that it acknowledges; default: all that it sent. Null: a segment without ACK. */
  readonly ack?: number | null;
  readonly time?: bigint;
  /** The window it offers, as in its header; default 65,535. */
  readonly window?: number;
  /** Of a SYN: its window scale; default `NO_SCALE`, no such option. Null: its options were cut off. */
  readonly scale?: number | null;
}

export interface Script {
  readonly segments: Segment[];
  readonly flows: Readonly<Record<Side, string>>;
  /** Sends one segment. Earlier segments decide only the defaults. */
  send(from: Side, sent: Sent): Script;
  /** SYN, SYN/ACK, ACK. */
  handshake(): Script;
  syn(from: Side, data?: string): Script;
  synAck(from: Side, data?: string): Script;
  client(data: string | Uint8Array): Script;
  server(data: string | Uint8Array): Script;
  /** A segment without bytes. */
  ack(from: Side): Script;
  fin(from: Side, data?: string): Script;
  rst(from: Side, data?: string): Script;
  /** Both FINs, and their acknowledgements. */
  close(): Script;
  /** Sends bytes that are not recorded. */
  lose(from: Side, count: number): Script;
  /** Lets so many milliseconds pass. */
  wait(milliseconds: number): Script;
}

export const asBytes = (data: string | Uint8Array): Uint8Array =>
  typeof data === 'string' ? Uint8Array.from(data, (letter) => letter.charCodeAt(0)) : data;

/** The key of a flow: see `Segment.flow`. */
export const flowOf = (
  source: readonly number[],
  destination: readonly number[],
  sourcePort: number,
  destinationPort: number,
): string =>
  String.fromCharCode(
    ...source,
    ...destination,
    sourcePort >>> 8,
    sourcePort & 255,
    destinationPort >>> 8,
    destinationPort & 255,
  );

export function conversation(ends: Ends = {}): Script {
  const { clientHost = [10, 0, 0, 1], serverHost = [10, 0, 0, 2] } = ends;
  const { clientPort = 40_000, serverPort = 80, clientIsn = 1000, serverIsn = 5000 } = ends;
  const isn = { client: clientIsn, server: serverIsn };
  const flows = {
    client: flowOf(clientHost, serverHost, clientPort, serverPort),
    server: flowOf(serverHost, clientHost, serverPort, clientPort),
  };
  const segments: Segment[] = [];
  /** The count of sequence numbers that each side has used behind its SYN. Its FIN has one. */
  const next = { client: 0, server: 0 };
  let time = ends.from ?? 1_700_000_000_000_000_000n;
  let number = ends.number ?? 1;

  const script: Script = {
    segments,
    flows,
    send(from, { position = next[from], data = '', flags = 0, ack = next[otherSide[from]], ...rest }) {
      const payload = asBytes(data);
      const { length = payload.length } = rest;
      const bytes = new Uint8Array(54 + payload.length);
      bytes.set(payload, 54);
      segments.push({
        packet: {
          number,
          time: rest.time ?? time,
          linkType: 1,
          bytes,
          originalLength: 54 + length,
          position: number * 100,
        },
        flow: flows[from],
        seq: (isn[from] + position + ((flags & TCP_SYN) === 0 ? 1 : 0)) >>> 0,
        ack: ack === null ? 0 : (isn[otherSide[from]] + 1 + ack) >>> 0,
        flags: ack === null ? flags : flags | TCP_ACK,
        window: rest.window ?? 65_535,
        windowScale: flags & TCP_SYN ? (rest.scale === undefined ? NO_SCALE : rest.scale) : null,
        payload: bytes.subarray(54),
        length,
      });
      number++;
      time += 1_000_000n;
      next[from] = Math.max(next[from], position + length + ((flags & TCP_FIN) === 0 ? 0 : 1));
      return script;
    },
    handshake: () => script.syn('client').synAck('server').ack('client'),
    syn: (from, data = '') => script.send(from, { flags: TCP_SYN, ack: null, position: 0, data }),
    synAck: (from, data = '') => script.send(from, { flags: TCP_SYN, position: 0, data }),
    client: (data) => script.send('client', { data }),
    server: (data) => script.send('server', { data }),
    ack: (from) => script.send(from, {}),
    fin: (from, data = '') => script.send(from, { flags: TCP_FIN, data }),
    rst: (from, data = '') => script.send(from, { flags: TCP_RST, data }),
    close: () => script.fin('client').ack('server').fin('server').ack('client'),
    lose(from, count) {
      next[from] += count;
      return script;
    },
    wait(milliseconds) {
      time += BigInt(milliseconds) * 1_000_000n;
      return script;
    },
  };
  return script;
}

/** A conversation whose first packets are its handshake. */
export const opened = (ends: Ends = {}): Script => conversation(ends).handshake();

/** A conversation in mid-stream that has shown enough packets for its first positions to be decided. */
export function settledMidstream(): Script {
  const script = conversation();
  for (let i = 0; i < 70; i++) script.client('a');
  return script;
}

/** The segments of scripts, one script after the other. */
export const segmentsOf = (...scripts: readonly Script[]): Segment[] =>
  scripts.flatMap(({ segments }) => segments);

/** The events that segments give before the end of the recording. */
export function whileRecording(segments: readonly Segment[], options?: ReassemblyOptions): StreamEvent[] {
  const events: StreamEvent[] = [];
  const reassembly = createReassembly(options);
  for (const segment of segments) reassembly.take(segment, (event) => events.push(event));
  return events;
}

/** All events that segments give, with those at the end of the recording. */
export function reassembled(segments: readonly Segment[], options?: ReassemblyOptions): StreamEvent[] {
  const events: StreamEvent[] = [];
  const reassembly = createReassembly(options);
  for (const segment of segments) reassembly.take(segment, (event) => events.push(event));
  reassembly.end((event) => events.push(event));
  return events;
}

/** All events of scripts, as `briefly` writes them; and those before the end of the recording. */
export const briefEvents = (...scripts: readonly Script[]): string[] =>
  briefly(reassembled(segmentsOf(...scripts)));
export const briefEventsSoFar = (...scripts: readonly Script[]): string[] =>
  briefly(whileRecording(segmentsOf(...scripts)));

/**
 * Writes events briefly:
 * `open`, `client "abc"`, `client gap 5 lost`, `server end`, `client reset`, `client conflict 2+3`, `close ended`,
 * `client ignored outside`, `after reset 1 packets 3 bytes`.
 */
export const briefly = (events: readonly StreamEvent[]): string[] => events.map(inBrief);

function inBrief(event: StreamEvent): string {
  switch (event.type) {
    case 'open':
      return 'open';
    case 'chunk':
      return `${event.from} "${String.fromCharCode(...event.bytes)}"`;
    case 'gap':
      return `${event.from} gap ${event.length} ${event.reason}`;
    case 'conflict':
      return `${event.from} conflict ${event.position}+${event.length}`;
    case 'end':
    case 'reset':
      return `${event.from} ${event.type}`;
    case 'ignored':
      return `${event.from} ignored ${event.why}`;
    case 'after-reset':
      return `after reset ${event.packets} packets ${event.bytes} bytes`;
    case 'close':
      return `close ${event.reason}`;
    case 'skipped':
      return `skipped ${event.why}`;
    case 'fragment-conflict':
      return `fragment-conflict ${event.position}+${event.length}`;
    case 'unread':
      return `unread ${event.packets}`;
  }
}

/** The bytes of one side of one conversation, with `filler` for each missing byte. */
export function bytesOfSide(events: readonly StreamEvent[], from: Side, index = 0, filler = 0): Uint8Array {
  const bytes: number[] = [];
  for (const event of events) {
    if (event.type !== 'chunk' && event.type !== 'gap') continue;
    if (event.from !== from || event.conversation.index !== index) continue;
    if (event.position !== bytes.length) {
      throw new Error(`${from}: position ${event.position} follows ${bytes.length}`);
    }
    if (event.type === 'chunk') for (const byte of event.bytes) bytes.push(byte);
    else for (let i = 0; i < event.length; i++) bytes.push(filler);
  }
  return Uint8Array.from(bytes);
}

/**
 * The events of `inspect`: the events of the streams, and among them the framing that was chosen, the frames, and the
 * faults of the framing.
 *
 * ```text
 *  open  framing  (chunk found-again? frame* fault? | gap frame? fault? | conflict)*  end?  close
 * ```
 *
 * Events of no conversation (see `StreamEvent`) come among them, and what was not read last of all.
 *
 * A frame comes right after the chunk (or the gap) with its last byte; those behind a `found-again`, right after what
 * showed it. After a `fault` no frame of its side comes any more unless a `found-again` does, while chunks and gaps come.
 */
import { check, type Rule } from '../../wire/argument.ts';
import type { FaultCode, FrameFault } from '../../wire/fault.ts';
import type { Conversation, Side, StreamEvent } from '../stream-event.ts';

/**
 * Why a framing was chosen.
 *
 * - `asked`: it was given.
 * - `port`: the server's port is one on which that protocol is usually served.
 * - `bytes`: the first bytes look like it.
 * - `unknown`: none was found, and there will be no frames.
 */
export type FramingReason = 'asked' | 'port' | 'bytes' | 'unknown';

/** How the frames of a conversation are found. Comes once, before its first frame. `inspect` emits it. */
export interface FramingChosen {
  readonly type: 'framing';
  /** The conversation whose frames they are. */
  readonly conversation: Conversation;
  /** A preset's name, `sluice`, or `custom` for a framing of one's own; null when there will be no frames. */
  readonly name: string | null;
  /**
   * Why it is this one: it was `asked` for; the server's `port` is usual for the protocol; the first `bytes` look like
   * it; or none was found (`unknown`).
   */
  readonly reason: FramingReason;
}

/**
 * - `whole`: all of it is in the recording.
 * - `incomplete`: bytes of its body are in a gap.
 * - `unfinished`: the side, or the recording, was over before it was.
 */
export type FrameState = 'whole' | 'incomplete' | 'unfinished';

/** A frame, and how TCP carried it. `inspect` emits it when the last byte of the frame was read, or will not come. */
export interface InspectedFrame {
  readonly type: 'frame';
  /** The conversation that it belongs to. */
  readonly conversation: Conversation;
  /** The side that sent it. */
  readonly from: Side;
  /** From 1, in the order of its side. */
  readonly number: number;
  /** The offset of its first byte among the bytes of its side. */
  readonly position: number;
  /** Bytes of head. */
  readonly head: number;
  /** Bytes of body, as the head says. */
  readonly length: number;
  /** The kind of message, if its head says so; at most 200 characters, some of which may not be printable. */
  readonly label: string | null;
  /**
   * Whether all of it is in the recording (`whole`); bytes of its body are in a gap (`incomplete`); or the side, or the
   * recording, was over before it was (`unfinished`).
   */
  readonly state: FrameState;
  /** Bytes of it that are not in the recording. */
  readonly missing: number;
  /** The number in the file, from 1, of the packet with its first byte. */
  readonly firstPacket: number;
  /** The number of the packet with its last byte that was recorded. */
  readonly lastPacket: number;
  /** When its first byte was captured, in nanoseconds since 1970. */
  readonly capturedAt: bigint;
  /** When the receiver's system could deliver its last recorded byte, in nanoseconds since 1970. */
  readonly deliverableAt: bigint;
  /** How many chunks have bytes of it: it was split when that is more than one. */
  readonly chunks: number;
  /** How many other frames have bytes in its first chunk: it was coalesced with them. */
  readonly firstShared: number;
  /** The same for its last chunk. Equal to `firstShared` when that is the same chunk. */
  readonly lastShared: number;
  /** Its first bytes, the head's among them: a copy of at most 64. */
  readonly sample: Uint8Array;
}

/** Why no frame is found in a side from there on: the fault of the deframer, and where in the recording it is. */
export interface InspectedFault extends Omit<FrameFault, 'code' | 'fatal'> {
  readonly type: 'fault';
  /** The conversation that it belongs to. */
  readonly conversation: Conversation;
  /** The side whose bytes they are. */
  readonly from: Side;
  /**
   * The code of the deframer's fault; `gap`: the next frame cannot be found without bytes that are missing, unless a
   * `found-again` says where; `midstream`: the recording began in the middle, and no place was found at which frames
   * surely begin.
   */
  readonly code: FaultCode | 'gap' | 'midstream';
  /** The number in the file, from 1, of the packet that showed it; 0 when the side had none before it. */
  readonly packet: number;
  /** When that packet was captured, in nanoseconds since 1970. */
  readonly capturedAt: bigint;
}

/**
 * A place at which the frames of a side are found again: heads of the protocol follow one another there, of which each
 * says where the next one is, and which are too many and too good to be there by chance. `inspect` emits it before the
 * frames that it has found, with the presets `bgp`, `mqtt`, `postgresql`, `smb` and `tls`.
 */
export interface FoundAgain {
  readonly type: 'found-again';
  /** The conversation that it belongs to. */
  readonly conversation: Conversation;
  /** The side that sent the bytes. */
  readonly from: Side;
  /** The offset among the bytes of its side of the first byte of the next frame. */
  readonly position: number;
  /** What came before: a `gap`, or a recording that began in the middle of the connection (`midstream`). */
  readonly reason: 'gap' | 'midstream';
  /** Bytes in the recording, in front of the position, that are in no frame that was found. */
  readonly skipped: number;
  /** Bytes that are missing there. */
  readonly missing: number;
  /** The number in the file, from 1, of the packet with the byte at the position. */
  readonly packet: number;
  /** When that packet was captured, in nanoseconds since 1970. */
  readonly capturedAt: bigint;
}

/**
 * `inspect` emits the events of the streams, and of the frames in them.
 *
 * - `framing`: how the frames of a conversation are found. Once, before its first frame.
 * - `frame`: a frame, and how TCP carried it.
 * - `fault`: no frame is found in a side from there on.
 * - `found-again`: frames are found again, behind a gap or from the middle of a connection on.
 * - All others are a `StreamEvent`.
 */
export type InspectEvent = StreamEvent | FramingChosen | InspectedFrame | InspectedFault | FoundAgain;

/** The most bytes in the sample of a frame. */
export const FRAME_SAMPLE_BYTES = 64;

/**
 * Whether a frame came in one chunk with others: its sender, or the network, has glued them together.
 *
 * @example
 * for await (const events of inspect(captureFile('trace.pcap'))) {
 *   for (const event of events) if (event.type === 'frame' && isCoalesced(event)) console.log(event.number);
 * }
 */
export function isCoalesced(frame: InspectedFrame): boolean {
  check('isCoalesced: the frame', frame, A_FRAME);
  return frame.firstShared > 0 || frame.lastShared > 0;
}

/**
 * Whether a frame came in more than one chunk: a receiver that takes every chunk for a message would read it wrongly.
 *
 * @example
 * for await (const events of inspect(captureFile('trace.pcap'))) {
 *   for (const event of events) if (event.type === 'frame' && isSplit(event)) console.log(event.number, event.chunks);
 * }
 */
export function isSplit(frame: InspectedFrame): boolean {
  check('isSplit: the frame', frame, A_FRAME);
  return frame.chunks > 1;
}

const A_FRAME: Rule = {
  words: 'a frame, as inspect tells it',
  isKind: (value) => typeof (value as Partial<InspectedFrame> | null | undefined)?.chunks === 'number',
};

/**
 * Faults of frames, as data.
 *
 * A framing knows only that a head is wrong and why, and returns a `HeadFault`. The deframer knows where, and makes it
 * a `FrameFault`.
 */
import { asciiOf, hexOf } from '../base/bytes.ts';
import { check, TEXT } from './argument.ts';
import { guessProtocol } from './guess-protocol.ts';

/**
 * The kinds of fault that a framing, a codec or a deframer finds in bytes. All are fatal unless it says otherwise: no
 * later frame can be found.
 *
 * - `length-negative`: the length field holds a negative number.
 * - `length-too-large`: the length is over the limit, or beyond 2^53 - 1.
 * - `length-too-small`: a length that counts its own prefix is smaller than that prefix.
 * - `varint-too-long`: a varint goes on after the most bytes that it may have.
 * - `header-empty`: the header has no bytes where it must have some.
 * - `header-invalid`: the header cannot be understood.
 * - `body-length-invalid`: the header does not say how long its body is.
 * - `body-too-large`: the framing asks for the body in one piece, but it is over `maxWhole`. Not fatal.
 * - `message-invalid`: the frame is sound, but its message cannot be understood. Not fatal.
 * - `truncated`: the stream ended in the middle of a frame.
 */
export type FaultCode =
  | 'length-negative'
  | 'length-too-large'
  | 'length-too-small'
  | 'varint-too-long'
  | 'header-empty'
  | 'header-invalid'
  | 'body-length-invalid'
  | 'body-too-large'
  | 'message-invalid'
  | 'truncated';

/**
 * A fault of a head, without its position. A framing returns it, and the deframer adds where in the stream it is:
 * `FrameFault`.
 */
export interface HeadFault {
  /** The kind of the fault: see `FaultCode`. */
  readonly code: FaultCode;
  /** In words, with the numbers. */
  readonly message: string;
  /** The length that the bytes declare: a bigint when it is beyond 2^53 - 1. Null when no length is at fault. */
  readonly declared: number | bigint | null;
  /** The bound that `declared` violates, in the same unit. Null when there is none. */
  readonly limit: number | null;
  /** What code of the program has thrown when it looked at the head; left out when nothing was. It is not for the peer. */
  readonly cause?: unknown;
}

/**
 * A fault of a frame, with its position. The events `fault` of `deframe` and of an actor have it, and a `FrameError`
 * has it as its `fault`.
 */
export interface FrameFault {
  /** The kind of the fault: see `FaultCode`. */
  readonly code: FaultCode;
  /** In words, with the numbers, and a hint when the bytes look like another protocol. */
  readonly message: string;
  /**
   * Whether frame boundaries are lost. Then it is the last event, and the connection has no reader any more. Report
   * it to the peer if the protocol has a way, and close the connection with `closeGracefully`, which ends our side,
   * reads on for a bounded time, and then destroys it.
   */
  readonly fatal: boolean;
  /** As in `HeadFault`. */
  readonly declared: number | bigint | null;
  /** As in `HeadFault`. */
  readonly limit: number | null;
  /** The offset in the stream, in bytes, of the first byte of the frame at fault. */
  readonly position: number;
  /** Up to 32 bytes from there, as far as they were seen: `47 45 54 20`. */
  readonly hex: string;
  /** The same bytes in ASCII, with a dot for what is not printable: `GET `. */
  readonly ascii: string;
  /** As in `HeadFault`. */
  readonly cause?: unknown;
}

/** The most bytes that a fault shows. */
export const SAMPLE_BYTES_MAX = 32;

/**
 * Makes a `HeadFault`. A framing of your own returns it.
 *
 * @throws TypeError when the code or the message is no string.
 * @example headFault('length-too-large', 'the length is 70000, and the most is 65536', 70000, 65536)
 */
export function headFault(
  code: FaultCode,
  message: string,
  declared: number | bigint | null = null,
  limit: number | null = null,
): HeadFault {
  check('headFault: code', code, TEXT);
  check('headFault: message', message, TEXT);
  return { code: code, message, declared, limit };
}

/**
 * Adds the position to a fault of a head.
 *
 * @param sample the first bytes of the frame, at most `SAMPLE_BYTES_MAX` of them.
 * @internal
 */
export function faultAt(what: HeadFault, position: number, sample: Uint8Array, fatal: boolean): FrameFault {
  const { code, declared, limit } = what;
  // A body that is merely too large for one piece is framed well, so its first bytes are no other protocol's.
  const protocol = fatal ? guessProtocol(sample) : null;
  const message = protocol === null ? what.message : `${what.message} (the bytes look like ${protocol})`;
  const fault = {
    code,
    message,
    fatal,
    declared,
    limit,
    position,
    hex: hexOf(sample),
    ascii: asciiOf(sample),
  };
  return what.cause === undefined ? fault : { ...fault, cause: what.cause };
}

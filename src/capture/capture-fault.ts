/** The faults of a capture as a whole, as data and as Errors. */
import { SluiceError } from '../base/sluice-error.ts';

/**
 * Why a capture could not be read to its end, or a recording could not begin:
 *
 * - `not-a-capture`: the first bytes are those of no format we know.
 * - `truncated`: the file ends in the middle of a record or block.
 * - `damaged`: a record or block cannot be (its length, say), so that the next one cannot be found.
 * - `unreadable`: the system cannot read the file, or it can be read only once and was.
 * - `unwritable`: the folder that was to be recorded into cannot be made or listed.
 */
export type CaptureFaultCode = 'not-a-capture' | 'truncated' | 'damaged' | 'unreadable' | 'unwritable';

/** Why the reading of a capture ended early, or a recording could not begin. */
export interface CaptureFault {
  /** The kind of the fault: see `CaptureFaultCode`. */
  readonly code: CaptureFaultCode;
  /** In words: the capture's name, where in it (bytes from its beginning) and what. */
  readonly message: string;
  /** The offset in the file, in bytes, of the record or block at fault. */
  readonly position: number;
  /** The number of the last packet that was read whole, from 1; 0 when there is none. */
  readonly after: number;
}

/**
 * The reading of a capture ended early: what the iterables of captures throw, and their Observables error with, after
 * everything that came before it was handed out. `recordInto` rejects with it. `code` is the fault's.
 *
 * @example
 * try {
 *   for await (const events of readStreams(captureFile('traffic.pcap'))) console.log(events.length);
 * } catch (error) {
 *   if (!(error instanceof CaptureError)) throw error;
 *   console.error(`${error.message} (after packet ${error.after})`);
 * }
 */
export class CaptureError extends SluiceError {
  declare readonly code: CaptureFaultCode;
  declare readonly fault: CaptureFault;
  /** The offset in the file, in bytes, of the record or block at fault. */
  readonly position: number;
  /** The number of the last packet that was read whole, from 1; 0 when there is none. */
  readonly after: number;

  constructor(fault: CaptureFault, options?: { readonly cause?: unknown }) {
    super(fault, options);
    this.position = fault.position;
    this.after = fault.after;
  }

  override get name(): 'CaptureError' {
    return 'CaptureError';
  }
}

/** Makes what is thrown by what reads a file's bytes: the capture's name goes in front of `what`. */
export type MakeCaptureError = (
  code: CaptureFaultCode,
  position: number,
  what: string,
  cause?: unknown,
) => CaptureError;

const codes: readonly string[] = ['not-a-capture', 'truncated', 'damaged', 'unreadable', 'unwritable'];

/** Whether a caught value is a `CaptureError`, and not an unexpected error; or the data of one. */
export function isCaptureFault(thrown: unknown): thrown is CaptureFault {
  if (thrown instanceof CaptureError) return true;
  if (typeof thrown !== 'object' || thrown === null || thrown instanceof Error) return false;
  const { code, position } = thrown as Partial<CaptureFault>;
  return typeof position === 'number' && codes.includes(String(code));
}

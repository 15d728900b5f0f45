/** The faults of a capture as a whole. */

/**
 * - `not-a-capture`: the first bytes are those of no format we know.
 * - `truncated`: the file ends in the middle of a record or block.
 * - `damaged`: a record or block cannot be (its length, say), so that the next one cannot be found.
 * - `unreadable`: the system cannot read the file, or it can be read only once and was.
 */
export type CaptureFaultCode = 'not-a-capture' | 'truncated' | 'damaged' | 'unreadable';

/**
 * Why the reading of a capture ended early. Thrown by the iterables of this folder (and the error of its
 * Observables) after everything that came before it was handed out.
 */
export interface CaptureFault {
  readonly code: CaptureFaultCode;
  /** In words: the capture's name, where in it (bytes from its beginning) and what. */
  readonly message: string;
  /** The offset in the file, in bytes, of the record or block at fault. */
  readonly position: number;
  /** The number of the last packet that was read whole; 0 when there is none. */
  readonly after: number;
}

const codes: readonly string[] = ['not-a-capture', 'truncated', 'damaged', 'unreadable'];

/** Whether a caught value is a `CaptureFault`, and not an unexpected error. */
export function isCaptureFault(thrown: unknown): thrown is CaptureFault {
  if (typeof thrown !== 'object' || thrown === null || thrown instanceof Error) return false;
  const { code, position } = thrown as Partial<CaptureFault>;
  return typeof position === 'number' && codes.includes(String(code));
}

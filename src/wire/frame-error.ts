/** Faults of frames as Errors, for whoever wants to read no events. */
import { SluiceError } from '../base/sluice-error.ts';
import type { FaultCode, FrameFault, HeadFault } from './fault.ts';

/**
 * What `frames` and `framed` error with when bytes or a message cannot be understood. The message says where: the offset
 * in the stream, and the bytes there.
 *
 * @example
 * connection.chunks$.pipe(frames(lines({ maxLength: 1000 }))).subscribe({
 *   error: (error) => {
 *     if (error instanceof FrameError) console.error(error.code, error.fault.position, error.fault.hex);
 *   },
 * });
 */
export class FrameError extends SluiceError {
  declare readonly code: FaultCode;
  declare readonly fault: FrameFault;

  constructor(fault: FrameFault) {
    super(fault, { message: `${fault.message}, at byte ${fault.position}: ${fault.hex}` });
  }

  override get name(): 'FrameError' {
    return 'FrameError';
  }
}

/**
 * What `enframe` errors with when a body cannot be sent as a frame: it is too large, say.
 *
 * @example
 * bodies$.pipe(enframe({ width: 2, maxLength: 1000 })).subscribe({
 *   error: (error) => console.error(error.code, error.fault.declared), // length-too-large 1001
 * });
 */
export class EncodeError extends SluiceError {
  declare readonly code: FaultCode;
  declare readonly fault: HeadFault;

  constructor(fault: HeadFault) {
    super(fault);
  }

  override get name(): 'EncodeError' {
    return 'EncodeError';
  }
}

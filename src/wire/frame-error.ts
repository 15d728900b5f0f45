/** A fault of frames as an Error, for whoever wants to read no events. */
import { SluiceError } from '../base/sluice-error.ts';
import type { FrameFault, HeadFault } from './fault.ts';

/**
 * What `frames` and `framed` error with when bytes or a message cannot be understood, and `enframe` when a body cannot be
 * sent. `code` is one of `FaultCode`; `fault` says what is wrong and, of bytes that came, where.
 */
export class FrameError<F extends FrameFault | HeadFault = FrameFault> extends SluiceError<F> {
  constructor(fault: F) {
    super(fault, 'position' in fault ? { message: placed(fault) } : {});
  }

  override get name(): 'FrameError' {
    return 'FrameError';
  }
}

const placed = ({ message, position, hex }: FrameFault): string => `${message}, at byte ${position}: ${hex}`;

/** A fault of frames as an Error, for whoever wants to read no events. */
import type { FrameFault } from './fault.ts';

/** What `frames` and `framed` error with when bytes or a message cannot be understood. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  /** What is wrong, and where. `fault.code` is one of `FaultCode`. */
  readonly fault: FrameFault;

  constructor(fault: FrameFault) {
    super(`${fault.message}, at byte ${fault.position}: ${fault.hex}`);
    this.fault = fault;
  }
}

/**
 * A command that cannot go on throws an `ExitError`: the message for the user, and the exit status.
 *
 * The command line throws nothing else on purpose. Anything else that reaches `main` is a bug, and keeps its stack.
 */
import { type ExitStatus, exitStatus } from './exit-status.ts';

export class ExitError extends Error {
  readonly status: ExitStatus;
  /** The message, without a full stop; null when everything was printed before. */
  readonly said: string | null;
  /** The same command would fail at any later time, until somebody mends something. False where that is not known. */
  readonly isLasting: boolean;

  constructor(status: ExitStatus, said: string | null, isLasting = false) {
    super(said ?? `exit status ${status}`);
    this.status = status;
    this.said = said;
    this.isLasting = isLasting;
  }

  override get name(): 'ExitError' {
    return 'ExitError';
  }
}

export const exitError = (status: ExitStatus, message: string | null = null): ExitError =>
  new ExitError(status, message);

/** For a command line that is wrong. @param message says what is wrong, and what to do. */
export const usageError = (message: string): ExitError => exitError(exitStatus.usage, message);

export const isExitError = (thrown: unknown): thrown is ExitError => thrown instanceof ExitError;

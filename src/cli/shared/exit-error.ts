/**
 * A command that cannot go on throws an `ExitError`: the message for the user, and the exit status.
 *
 * The command line throws nothing else on purpose. Anything else that reaches `main` is a bug, and keeps its stack.
 */
import { type ExitStatus, exitStatus } from './exit-status.ts';

export interface ExitError {
  readonly exits: true;
  readonly status: ExitStatus;
  /** Without a full stop; null when everything was printed before. */
  readonly message: string | null;
}

export const exitError = (status: ExitStatus, message: string | null = null): ExitError => ({
  exits: true,
  status,
  message,
});

/** For a command line that is wrong. @param message says what is wrong, and what to do. */
export const usageError = (message: string): ExitError => exitError(exitStatus.usage, message);

export const isExitError = (thrown: unknown): thrown is ExitError =>
  typeof thrown === 'object' && thrown !== null && 'exits' in thrown && thrown.exits === true;

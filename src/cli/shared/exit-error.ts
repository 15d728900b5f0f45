/**
 * A command that cannot go on says why by throwing a `Stop`: the message for the user, and the exit status.
 *
 * It is the one thing the command line throws on purpose. Whatever else reaches `main` is a bug, and keeps its stack.
 */
import { type ExitStatus, exitStatus } from './exit-status.ts';

export interface ExitError {
  readonly stop: true;
  readonly status: ExitStatus;
  /** Without a full stop; null when everything there is to say was said. */
  readonly message: string | null;
}

export const exitError = (status: ExitStatus, message: string | null = null): ExitError => ({
  stop: true,
  status,
  message,
});

/** The command line is wrong: what is, and what to do. */
export const usageError = (message: string): ExitError => exitError(exitStatus.misuse, message);

export const isExitError = (thrown: unknown): thrown is ExitError =>
  typeof thrown === 'object' && thrown !== null && 'stop' in thrown && thrown.stop === true;

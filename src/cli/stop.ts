/**
 * A command that cannot go on says why by throwing a `Stop`: the message for the user, and the exit status.
 *
 * It is the one thing the command line throws on purpose. Whatever else reaches `main` is a bug, and keeps its stack.
 */
import { type ExitStatus, exitStatus } from './exit-status.ts';

export interface Stop {
  readonly stop: true;
  readonly status: ExitStatus;
  /** Without a full stop; null when everything there is to say was said. */
  readonly message: string | null;
}

export const stop = (status: ExitStatus, message: string | null = null): Stop => ({
  stop: true,
  status,
  message,
});

/** The command line is wrong: what is, and what to do. */
export const misuse = (message: string): Stop => stop(exitStatus.misuse, message);

export const isStop = (thrown: unknown): thrown is Stop =>
  typeof thrown === 'object' && thrown !== null && 'stop' in thrown && thrown.stop === true;

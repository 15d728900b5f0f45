/** What a command says that could not listen where it was told to. */
import type { ListenFault } from '../../transport/listen.ts';
import { type ExitError, exitError } from './exit-error.ts';
import { exitStatus } from './exit-status.ts';

/** A `Stop` for a `ListenFault`; anything else as it is. */
export const listenExitError = (thrown: unknown): ExitError | unknown =>
  isListenFault(thrown) ? exitError(exitStatus.failed, thrown.message) : thrown;

const isListenFault = (thrown: unknown): thrown is ListenFault =>
  typeof thrown === 'object' && thrown !== null && 'address' in thrown && 'code' in thrown;

/** What a command prints when a request failed, or when it cannot listen. */
import { type ClientFault, describeFault } from '../../client/client-fault.ts';
import { type Doing, systemWords } from '../../files/protocol/system-words.ts';
import { ListenError } from '../../transport/listen-error.ts';
import { type ExitError, exitError } from './exit-error.ts';
import { exitStatus } from './exit-status.ts';

/**
 * Describes a fault without the name of the file, which the caller prints before it. Where the protocol's own message
 * says what a program has to do, this one says what its user has to do.
 *
 * @param doing what the command was doing to the file on this machine.
 */
export function faultInWords(fault: ClientFault, doing: Doing): string {
  if (fault.code === 'content' && fault.cause !== undefined) return systemWords(fault.cause, doing);
  if (fault.code === 'refused' && fault.error.code === 'not-authenticated') return NO_TOKEN;
  return describeFault(fault);
}

const NO_TOKEN = 'the server must know who you are first: give a token with --token-file, or in SLUICE_TOKEN';

/** Answers an `ExitError` for a `ListenError`, and anything else as it is. */
export const listenExitError = (thrown: unknown): ExitError | unknown =>
  thrown instanceof ListenError ? exitError(exitStatus.failed, thrown.message) : thrown;

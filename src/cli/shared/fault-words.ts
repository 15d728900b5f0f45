/** What a command says of a request that failed. */
import { type ClientFault, describeFault } from '../../client/client-fault.ts';
import { type Doing, systemWords } from '../../files/protocol/system-words.ts';

/**
 * In words, without the name of the file, which whoever tells it puts before them. Where the protocol's words say what a
 * program is to do, these say what its user is to do.
 *
 * @param doing what was to be done to the file on this machine.
 */
export function faultInWords(fault: ClientFault, doing: Doing): string {
  if (fault.type === 'content' && fault.thrown !== undefined) return systemWords(fault.thrown, doing);
  if (fault.type === 'refused' && fault.error.code === 'not-authenticated') return NO_TOKEN;
  return describeFault(fault);
}

const NO_TOKEN = 'the server must know who you are first: give a token with --token-file, or in SLUICE_TOKEN';

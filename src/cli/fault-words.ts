/** What a command says of a request that failed. */
import { type ClientFault, describeFault } from '../client/client-fault.ts';
import { type Doing, systemWords } from '../protocol/system-words.ts';

/**
 * In words, without the name of the file, which whoever tells it puts before them.
 *
 * @param doing what was to be done to the file on this machine.
 */
export const faultInWords = (fault: ClientFault, doing: Doing): string =>
  fault.type === 'content' && fault.thrown !== undefined
    ? systemWords(fault.thrown, doing)
    : describeFault(fault);

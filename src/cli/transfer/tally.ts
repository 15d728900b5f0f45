/** How a run over many files stands, and its result: the same for every direction. */
import { type ClientFault, describeFault } from '../../client/client-fault.ts';
import { breaksConnection } from '../../client/pool/retry.ts';
import { serviceFault } from '../../files/protocol/errors.ts';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import type { Doing } from '../../files/protocol/system-words.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { faultInWords } from '../shared/fault-words.ts';
import type { Transfer, TransferFault } from './report/report.ts';

export interface Counts {
  /** Files that arrived. */
  files: number;
  /** Bytes of those. */
  bytes: number;
  /** Bytes of those files that this run has sent or received. */
  transferred: number;
  failed: number;
  /** So many of those failed only because the server has a file of that name, which was not to be replaced. */
  existing: number;
}

export interface Tally extends Counts {
  readonly transfers: readonly Transfer[];
  /** The index of the first file that was not begun. */
  next: number;
  /** Files that were begun, and whose result is unknown because the server was given up. */
  undecided: number;
  /** Why the server was given up. From then on no further file is begun. */
  fatalFault: ClientFault | null;
}

export interface TransferResult extends Readonly<Counts> {
  /** The files that were given up together with the server, and why. Null when all files were tried. */
  readonly givenUp: GivenUp | null;
}

export interface GivenUp {
  readonly files: number;
  readonly why: string;
  readonly status: typeof exitStatus.connection | typeof exitStatus.failed;
}

export const noCounts = (): Counts => ({ files: 0, bytes: 0, transferred: 0, failed: 0, existing: 0 });

export const createTally = (transfers: readonly Transfer[]): Tally => ({
  ...noCounts(),
  transfers,
  next: 0,
  undecided: 0,
  fatalFault: null,
});

/** The files to begin, one after the other: none once the server was given up, or the rest is not wanted. */
export function* toBegin(tally: Tally, isUnwanted: () => boolean = () => false): Iterable<Transfer> {
  const { transfers } = tally;
  while (tally.next < transfers.length && tally.fatalFault === null && !isUnwanted()) {
    yield transfers[tally.next++]!;
  }
}

/** @param before bytes of the file that were there before this run. */
export function countArrived(counts: Counts, size: number, before: number): void {
  counts.files++;
  counts.bytes += size;
  counts.transferred += size - before;
}

/** Counts a file that has not arrived. Answers whether the fault is that of the file, and not of the server. */
export function countFault(tally: Tally, fault: ClientFault): boolean {
  if (endsAll(fault)) {
    tally.fatalFault ??= fault;
    tally.undecided++;
    return false;
  }
  tally.failed++;
  if (fault.code === 'refused' && fault.error.code === 'exists') tally.existing++;
  return true;
}

export function resultOf(tally: Tally): TransferResult {
  const { files, bytes, transferred, failed, existing, fatalFault } = tally;
  const counts = { files, bytes, transferred, failed, existing };
  if (fatalFault === null) return { ...counts, givenUp: null };
  const unknown = tally.undecided + tally.transfers.length - tally.next;
  const status = breaksConnection(fatalFault) ? exitStatus.connection : exitStatus.failed;
  return { ...counts, givenUp: { files: unknown, why: describeFault(fatalFault), status } };
}

/** Whether a fault concerns all files, not one. */
export const endsAll = (fault: ClientFault): boolean =>
  breaksConnection(fault) || (fault.code === 'refused' && fault.error.code === 'bad-token');

/** @param doing what the command was doing to the file on this machine. */
export function transferFaultOf(fault: ClientFault, doing: Doing): TransferFault {
  const message = faultInWords(fault, doing);
  return fault.code === 'refused' ? { message, code: fault.error.code } : { message };
}

/** What a server says of a name that is not allowed; null for one that is. */
export function badNameFault(filename: string): TransferFault | null {
  const why = explainBadFilename(filename);
  return why === null ? null : serviceFault('bad-filename', why);
}

/** What the processes that share a root and their owner say to one another. All of it is plain data, as JSON has it. */
import type { CallPurpose } from '../disk/uploads/upload-keys.ts';
import { err, type RefusedOutcome } from '../outcome.ts';

/** Asks for a key (`root.acquire`); answered with an `Outcome<Granted>` when the key is the asker's alone. */
export interface Acquire {
  readonly key: string;
  readonly purpose: CallPurpose;
  /** The number of the call in its process. */
  readonly call: number;
}

export interface Granted {
  readonly wasTaken: boolean;
  readonly mayBegin: boolean;
  /** What there is of the upload; null when nothing is known. */
  readonly stored: StoredUpload | null;
}

/** A stored upload: the name of its file, which is its record (`root.stored`). */
export interface StoredUpload {
  readonly file: string;
  /** Whether a process that is alive wrote the bytes or has read them back. */
  readonly isTrusted: boolean;
}

/** Says that a call on a key is over (`root.release`), or that another process waits for it (`root.wanted`). */
export interface KeyCall {
  readonly key: string;
  readonly call: number;
}

/** Asks the process whose put has an upload to let it go (`root.giveUp`); an `Outcome<boolean>` says whether it had. */
export interface GiveUp {
  readonly key: string;
  readonly keep: boolean;
}

/** The uploads of all other processes, and the stored ones (`root.totals`). */
export interface Totals {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Asks for the names of files below a folder that were published since a time that all have in common: of a process
 * (`root.added`), or of all others (`root.othersAdded`). The answer is null when it is not known of all.
 */
export interface AskedNames {
  readonly folder: string;
  readonly since: number;
}

/** The answer when the process that owns what is shared is gone. */
export const ownerGone = (): RefusedOutcome =>
  err('unavailable', 'the process that the others ask for it is gone; the server is started again, or ends');

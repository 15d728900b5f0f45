/** What processes and their owner say to one another of quotas. `id` is the number of the put or call in its process. */
import type { Outcome, PutOptions } from '../contract.ts';

/** Asks for the bytes of a put (`quota.put`); an `Outcome<void>` says whether it may begin. */
export interface AskedPut {
  readonly id: number;
  readonly name: string;
  readonly options: Pick<PutOptions, 'size' | 'upload' | 'offset'>;
}

/** Asks for the turn to remove a file (`quota.remove`); an `Outcome<void>` says when it is. */
export interface AskedRemove {
  readonly id: number;
  readonly name: string;
}

/** Asks for the turn, and the bytes, to rename a file (`quota.rename`). */
export interface AskedRename {
  readonly id: number;
  readonly from: string;
  readonly to: string;
}

/** Says what came of the change that had its turn: a commit, a removal or a rename (`quota.done`). */
export interface DoneChange {
  readonly id: number;
  readonly outcome: Outcome<unknown>;
}

/** Asks for the turn of a put's commit (`quota.commit`). */
export interface AskedCommit {
  readonly id: number;
}

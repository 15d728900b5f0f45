/**
 * The keys of the uploads of a root that several processes share: which of them may call on one, and which has a put that
 * writes to it. A store that shares its root with none needs none of this.
 */
import type { FileInfo, MaybeAsync, Outcome } from '../../contract.ts';
import type { Task } from '../../task.ts';
import type { Checksum } from '../checksums/checksum-cache.ts';
import type { UploadIndex } from './stored-folder.ts';

/** What a call on a key is about. `look` disturbs nobody, neither a put that has the upload nor a call that runs. */
export type CallPurpose = 'put' | 'resume' | 'cancel' | 'look';

/** The right to call on a key, until it is released: no other store has a put of it, and none calls on it. */
export interface KeyGrant {
  /** Whether it was taken from a put of another store for this. */
  readonly wasTaken: boolean;
  /** Whether one more upload may begin. Until the release the key counts as one then. */
  readonly mayBegin: boolean;
}

export interface SharedKeys {
  /** The uploads to which no put writes, of all stores. */
  readonly index: UploadIndex;
  /** Waits until the key is this store's alone. Calls on one key must come one at a time. */
  acquire(key: string, purpose: CallPurpose): Task<Outcome<KeyGrant>>;
  release(key: string): void;
  /** Whether another store waits for the key. */
  isWanted(key: string): boolean;
  /** Notes that a put of this store writes to the upload. */
  noteBegun(key: string): void;
  /** Notes that the put has released it. */
  noteEnded(key: string): void;
  /** Whether this store is the one that removes old uploads. */
  isKeeper(): Task<boolean>;
  /** The uploads of the other stores, and those that are stored, as far as this process was told. */
  readonly others: { readonly count: number; readonly bytes: number };
}

/** What a disk store does for the others on its root. */
export interface SharingStore {
  /** Takes an upload from the put that writes to it; answers whether there was one. */
  giveUp(key: string, keep: boolean): MaybeAsync<boolean>;
  /** Removes old uploads, if this store is the one that does. */
  sweep(): MaybeAsync<void>;
  /** Saves what a dead process has left in its folder; answers whether nothing of it is there any more. */
  rescue(folder: string): MaybeAsync<boolean>;
  /** Bytes that the puts of this store have of their uploads. */
  activeBytes(): number;
  /** Describes a file as `stat` of the store does, without its checksum. */
  describe(name: string): MaybeAsync<FileInfo>;
  /** What this store knows of the checksum of a name. */
  sumOf(name: string): Checksum | undefined;
}

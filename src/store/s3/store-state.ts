/** What an open store has: its engines, and what is under way on this node. */
import type { Quota } from '../quota/quota-state.ts';
import type { UploadLimits } from '../upload-limits.ts';
import type { Bucket } from './bucket/bucket.ts';
import type { Database } from './postgres/database.ts';
import type { Statements } from './postgres/statements.ts';
import type { Patience } from './retrying.ts';
import type { MemoryBudget } from './segments/memory-budget.ts';
import type { Node } from './upkeep/node.ts';
import type { ServedUsage } from './usage.ts';

/** A put under way that may be asked to let its upload go. */
export interface UploadHolder {
  /** Lets the upload go, with all that was written. Resolves when it is free, whatever failed. */
  take(): Promise<void>;
  /** The bytes that it has. */
  written(): number;
  abort(): void | Promise<void>;
}

/** A file that is being read. */
export interface Reader {
  /** When it was opened, in milliseconds by the clock of the database. */
  readonly openedAt: number;
  end(): void;
}

export interface S3StoreState {
  readonly database: Database;
  readonly statements: Statements;
  /** A checked identifier. */
  readonly schema: string;
  readonly bucket: Bucket;
  /** The folder of the objects in the bucket; ends with a slash. */
  readonly folder: string;
  readonly node: Node;
  readonly patience: Patience;
  readonly budget: MemoryBudget;
  readonly segmentBytes: number;
  readonly limits: UploadLimits;
  readonly durable: boolean;
  readonly usage: ServedUsage;
  readonly quotas: () => readonly Quota[];
  /** The puts that have an upload, by key. */
  readonly holders: Map<string, UploadHolder>;
  /** The puts under way; the callers bound them, and the files that are open. */
  readonly puts: Set<UploadHolder>;
  readonly readers: Set<Reader>;
  /** Called when this node has changed what a name stands for. */
  readonly changed: () => void;
  /** The uploads that this node does not hold, as of the last answer of the database. */
  others: { readonly count: number; readonly bytes: number };
  isClosed: boolean;
}

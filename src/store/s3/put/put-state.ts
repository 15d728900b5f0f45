/** The state of a put to the store over S3 and PostgreSQL. */
import type { Hash } from 'node:crypto';
import type { PutOptions } from '../../contract.ts';
import type { RefusedOutcome } from '../../outcome.ts';
import type { Segment, SegmentWriter } from '../segments/segment-writer.ts';
import type { S3StoreState, UploadHolder } from '../store-state.ts';
import type { Turns } from '../turns.ts';
import type { Grant } from '../uploads.ts';
import type { RulesFor } from '../usage.ts';

export interface PutRequest {
  readonly name: string;
  readonly options: PutOptions;
  readonly rules: RulesFor;
  /** Null as long as the put needs none. */
  readonly grant: Grant | null;
  /** What hashes the content, with what there is of it; undefined when nobody asks for it. */
  readonly hash: Hash | undefined;
}

export interface PutState extends PutRequest {
  readonly store: S3StoreState;
  readonly file: string;
  readonly writer: SegmentWriter;
  readonly holder: UploadHolder;
  grant: Grant | null;
  /** Segments that no row names yet: one at most. */
  readonly pending: Segment[];
  /** A take-over waits for the call under way. */
  readonly turns: Turns;
  isCommitting: boolean;
  /** Whether the database was asked to commit, and has not answered: then what it names is not known. */
  isUncertain: boolean;
  isOver: boolean;
  isTaken: boolean;
}

/** Thrown when somebody else has the upload by now. */
export class Fenced extends Error {}

/** Carries an error of the catalogue out of the writer. */
export class Refused extends Error {
  readonly outcome: RefusedOutcome;
  constructor(outcome: RefusedOutcome) {
    super(outcome.error.message);
    this.outcome = outcome;
  }
}

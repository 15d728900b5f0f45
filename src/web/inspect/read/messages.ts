/** What the page asks of the worker, and what the worker tells. One worker does one thing, and is ended by who started it. */
import type { PageUpdate, SideName } from '../data/page-data.ts';

export interface ReadAsk {
  readonly type: 'read';
  readonly file: File;
  readonly framing: FramingAsk;
}

export interface FollowAsk {
  readonly type: 'follow';
  readonly file: File;
  readonly conversation: number;
  readonly side: SideName;
}

/** The page has taken an update: there may be another. */
export interface TakenAsk {
  readonly type: 'taken';
}

export type Ask = ReadAsk | FollowAsk | TakenAsk;

/** How frames are found: by ports and first bytes, by a preset's name, by the fields of `--length-field`, or not at all. */
export interface FramingAsk {
  /** `automatic`, `none`, `length-field` or the name of a preset. */
  readonly by: string;
  /** Of a length field: `width=2,endian=little`. */
  readonly fields: string;
}

export const AUTOMATIC: FramingAsk = { by: 'automatic', fields: '' };

export interface Progress {
  readonly type: 'progress';
  /** Bytes of the file that were read. */
  readonly read: number;
}

export interface Updated {
  readonly type: 'update';
  readonly update: PageUpdate;
  readonly read: number;
}

export interface ReadOver {
  readonly type: 'over';
}

export interface Followed {
  readonly type: 'followed';
  readonly blob: Blob;
  /** The first of its bytes. */
  readonly first: Uint8Array;
  /** Why it may not be all, in words; empty when it is. */
  readonly note: string;
}

/** It cannot be done at all. */
export interface Refused {
  readonly type: 'refused';
  readonly message: string;
}

export type Tell = Progress | Updated | ReadOver | Followed | Refused;

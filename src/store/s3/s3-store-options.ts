/** The options of the store over S3 and PostgreSQL, and their rules. */
import {
  FLAG,
  FUNCTION,
  numberFrom,
  optional,
  RECORD,
  type RulesFor,
  TEXT,
  wholeFrom,
} from '../../wire/argument.ts';
import type { Quota } from '../quota/quota-state.ts';
import { UPLOAD_RULES, type UploadOptions } from '../upload-limits.ts';
import type { S3ChangesOptions } from './changes/s3-changes-options.ts';
import type { UpkeepSettings } from './upkeep/upkeep-settings.ts';

/** Where the bytes go: a bucket of an S3 store. */
export interface S3Options {
  /** The address of the S3 store, such as `https://s3.example.org`: the bucket is the first part of its paths. */
  readonly endpoint: string;
  /** The bucket. It must be there. */
  readonly bucket: string;
  /** What the names of the objects begin with; default nothing. */
  readonly prefix?: string;
  /** The region that requests are signed for; default `us-east-1`. */
  readonly region?: string;
  /** The name of the key that requests are signed with. */
  readonly accessKeyId: string;
  /** The key itself. It is never sent, logged or printed. */
  readonly secretAccessKey: string;
  /** Of temporary credentials; default none. */
  readonly sessionToken?: string | undefined;
  /** Connections to the S3 store at once, from 1; default 128. Each file that is being read may have one more. */
  readonly connections?: number;
  /** Milliseconds in which the next bytes of a request or its answer must come, from 1; default 10 s. */
  readonly timeout?: number;
}

/** Where the names are: a database. */
export interface PostgresOptions {
  /** `postgresql://user:password@host/database`, as libpq takes it. */
  readonly url: string;
  /** The schema with the tables of the store, made if it is missing; default `sluice`. */
  readonly schema?: string;
  /** Connections to the database at once, from 1; default 16. One more is for the node itself. */
  readonly connections?: number;
}

/** What `openS3Store` is given. `s3` and `postgres` are needed. */
export interface S3StoreOptions extends UploadOptions {
  /** Where the bytes go. */
  readonly s3: S3Options;
  /** Where the names are. */
  readonly postgres: PostgresOptions;
  /**
   * Whether both engines keep what they have answered through a power cut: then the store says so of each file. Default
   * false: it is the operator's word.
   */
  readonly durable?: boolean;
  /** The most bytes of one object, from 256 KiB; default 8 MiB. */
  readonly segmentBytes?: number;
  /** The bytes of memory for segments under way on this node, from 256 KiB; default 256 MiB. Each put may have 256 KiB more. */
  readonly memoryBytes?: number;
  /** Milliseconds for which a call goes on trying while an engine is away, from 0 to 120,000; default 20 s. */
  readonly patience?: number;
  /** The quotas, for all nodes together; asked again for each put. Default none. */
  readonly quotas?: () => readonly Quota[];
  /**
   * Has what happens to files recorded, for those who are named here: see `changes` of the store. Default nobody; what is
   * recorded for those of other nodes is recorded by this one too.
   */
  readonly changes?: S3ChangesOptions;
  /**
   * How often, and after how long, this node deletes what nobody needs; for tests. Default once a minute, what has been
   * garbage for 5 minutes, and what no row has named for a day.
   */
  readonly upkeep?: Partial<UpkeepSettings>;
}

export const MiB = 1024 ** 2;
const SEGMENT_BYTES_LEAST = 256 * 1024;
const SEGMENT_BYTES_MOST = 1024 * MiB;

/** Far less than garbage is kept: what is asked again finds what it has done. */
const PATIENCE_MAX_MS = 120_000;

export const RULES: RulesFor<S3StoreOptions> = {
  ...UPLOAD_RULES,
  s3: RECORD,
  postgres: RECORD,
  durable: optional(FLAG),
  segmentBytes: optional(wholeFrom(SEGMENT_BYTES_LEAST, SEGMENT_BYTES_MOST)),
  memoryBytes: optional(wholeFrom(SEGMENT_BYTES_LEAST)),
  patience: optional(wholeFrom(0, PATIENCE_MAX_MS)),
  quotas: optional(FUNCTION),
  changes: optional(RECORD),
  upkeep: optional(RECORD),
};
export const S3_RULES: RulesFor<S3Options> = {
  endpoint: TEXT,
  bucket: TEXT,
  prefix: optional(TEXT),
  region: optional(TEXT),
  accessKeyId: TEXT,
  secretAccessKey: TEXT,
  sessionToken: optional(TEXT),
  connections: optional(wholeFrom(1)),
  timeout: optional(numberFrom(1)),
};
export const POSTGRES_RULES: RulesFor<PostgresOptions> = {
  url: TEXT,
  schema: optional(TEXT),
  connections: optional(wholeFrom(1)),
};

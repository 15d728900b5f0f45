/** The store over S3 and PostgreSQL, for many nodes. It needs the packages `pg` and `@smithy/signature-v4`. */

export type { EnginesStatus } from './store/s3/engines-status.ts';
export { openS3Store, type S3Store } from './store/s3/open-s3-store.ts';
export type { PostgresOptions, S3Options, S3StoreOptions } from './store/s3/s3-store-options.ts';

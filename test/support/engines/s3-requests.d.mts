import type { S3Facts } from './engines.ts';

export interface S3RequestOptions {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal;
}

/** Sends a request for a key of the bucket (or for the bucket itself, with an empty key) that the facts name. */
export function s3Request(
  facts: S3Facts,
  method: string,
  key?: string,
  options?: S3RequestOptions,
): Promise<Response>;

/** Makes the bucket that the facts name. */
export function makeBucket(facts: S3Facts): Promise<void>;

/** What tells a file that is picked again from another one, without reading all of it. */
import { messageOf } from '../../base/sluice-error.ts';
import { sha256 } from '../../client/checksums/sha256.ts';
import { ContentError } from '../../client/content/content-error.ts';
import type { Source } from './entry.ts';

/** Bytes of each end that are read. */
const END_BYTES = 64 * 1024;

/** What is needed of a `File`. */
export interface Readable {
  readonly size: number;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/**
 * The SHA-256 of the first and the last 64 KiB of a file, in hexadecimal digits. Rejects with a `ContentError` when the
 * file cannot be read: it has changed since it was picked, or is gone.
 */
export async function endsOf(file: Readable): Promise<string> {
  const hasher = sha256();
  const tail = Math.max(END_BYTES, file.size - END_BYTES);
  for (const [start, end] of [
    [0, END_BYTES],
    [tail, file.size],
  ] as const) {
    if (start < end) hasher.update(await bytesOf(file, start, end));
  }
  return hasher.digest();
}

async function bytesOf(file: Readable, start: number, end: number): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.slice(start, end).arrayBuffer());
  } catch (thrown) {
    throw new ContentError('unreadable', messageOf(thrown), thrown);
  }
}

/**
 * The name under which the server keeps what it has of a content. A content that has changed has another one, so that it
 * begins anew; so has the same content under another name.
 */
export function uploadIdOf({ source, size, modified }: Source, ends: string): string {
  const hasher = sha256();
  hasher.update(new TextEncoder().encode(JSON.stringify([source, size, modified, ends])));
  return hasher.digest();
}

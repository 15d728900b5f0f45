/** Computes the SHA-256 of files, one after the other, in a worker: the page goes on meanwhile. */
import { sha256 } from '../../client/checksums/sha256.ts';

export interface HashRequest {
  readonly id: number;
  /** Null: it is wanted no more. */
  readonly file: Blob | null;
}

export type HashAnswer =
  | { readonly id: number; readonly digest: string }
  /** The file could not be read. */
  | { readonly id: number; readonly error: string };

/** Bytes in memory at a time. */
const PIECE_BYTES = 1024 * 1024;

const waiting = new Map<number, Blob>();
let isBusy = false;

addEventListener('message', ({ data: { id, file } }: MessageEvent<HashRequest>) => {
  if (file === null) waiting.delete(id);
  else waiting.set(id, file);
  if (!isBusy) void hashAll();
});

async function hashAll(): Promise<void> {
  isBusy = true;
  for (let next = first(); next !== null; next = first()) {
    const [id, file] = next;
    const answer = await hash(id, file);
    if (waiting.delete(id)) postMessage(answer);
  }
  isBusy = false;
}

const first = (): [number, Blob] | null => waiting.entries().next().value ?? null;

async function hash(id: number, file: Blob): Promise<HashAnswer> {
  const hasher = sha256();
  try {
    for (let at = 0; at < file.size && waiting.has(id); at += PIECE_BYTES)
      hasher.update(new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer()));
    return { id, digest: hasher.digest() };
  } catch (thrown) {
    return { id, error: String(thrown) };
  }
}

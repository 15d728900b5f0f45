/** Finds out whether a content whose ack was lost is stored. */
import { firstValueFrom } from 'rxjs';
import type { Client } from '../client.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import { isRefused } from '../pool/retry.ts';
import type { PutEvent } from '../put.ts';

/**
 * Asks whether exactly the bytes that were sent are stored under a name: by size and CRC-32, or by the modification
 * time where the server does not know the CRC-32. If so, answers the event that the put would have ended with. Whether
 * the file is durable is not known.
 */
export async function storedAs(
  client: Client,
  filename: string,
  { size, crc32 }: SentContent,
  mtime: number | undefined,
): Promise<(PutEvent & { readonly type: 'stored' }) | null> {
  try {
    const found = await firstValueFrom(client.stat(filename));
    const same = found.crc32 === undefined ? found.mtime === mtime : found.crc32 === crc32;
    if (found.size !== size || !same) return null;
    return { type: 'stored', filename, size, crc32, durable: false };
  } catch (thrown) {
    if (isRefused(thrown, 'not-found') || isRefused(thrown, 'forbidden')) return null;
    throw thrown;
  }
}

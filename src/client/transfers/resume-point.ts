/**
 * One try at sending a large content, and the comparison that it begins with: the server's bytes are taken for the first
 * ones of the content only if they have the same CRC-32.
 */

import { firstValueFrom, lastValueFrom, type Subscriber } from 'rxjs';
import { crc32 } from '#checksums';
import type { UploadOffset } from '../../files/protocol/file.ts';
import type { Client } from '../client.ts';
import type { Content } from '../content/content.ts';
import type { ContentSource } from '../content/hold-content.ts';
import { readPieces } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import { isRefused } from '../pool/retry.ts';
import type { PutEvent, PutSettings } from '../put.ts';
import type { ResumeState } from './resume-state.ts';

export interface UploadSource {
  readonly filename: string;
  readonly content: ContentSource;
  readonly settings: PutSettings;
  /** Makes the upload's name, which stands for the content in its present state. */
  readonly idOf: (content: Content) => string;
  /** Whether the content's SHA-256 is sent along. */
  readonly isVerified: boolean;
  /** Bytes between two `durable` events. */
  readonly progress: number;
  /** Bytes that may be sent beyond what the server has reported as durable; undefined for no bound. */
  readonly sendWindow: number | undefined;
}

export type TryEvent =
  | PutEvent
  | { readonly type: 'resumed'; readonly offset: number; readonly total: number }
  /** The content was refused, and is sent again at once: another try on the same connection. */
  | { readonly type: 'again' };

export interface ResumableTry {
  readonly client: Client;
  readonly source: UploadSource;
  readonly state: ResumeState;
  readonly subscriber: Subscriber<TryEvent>;
  /** The server has refused the offset once, and was asked again. */
  askedAgain: boolean;
  /** Gives the put up that is under way, if there is one. */
  cancel: () => void;
}

/** Whether somebody is still subscribed. */
export const isWanted = ({ subscriber }: ResumableTry): boolean => !subscriber.closed;

/** Finds the offset to go on from; null when the file turns out to be stored. */
export async function resumePoint(
  attempt: ResumableTry,
  content: Content,
  id: string,
): Promise<UploadOffset | null> {
  const { client, state } = attempt;
  const there = await firstValueFrom(client.resume(id));
  if (there.offset === 0)
    return state.sent !== null && (await isStored(attempt, state.sent, content)) ? null : there;
  if (there.offset <= content.size && (await isOurs(attempt, content, there))) {
    state.checkpoints.passed(there.offset);
    return there;
  }
  // An unsubscribed try has stopped comparing, and so knows nothing about the bytes.
  if (!isWanted(attempt)) return null;
  await forget(attempt, id);
  return { offset: 0, crc32: 0 };
}

/** Whether the bytes that the server has are the first of the content. */
async function isOurs(attempt: ResumableTry, content: Content, there: UploadOffset): Promise<boolean> {
  const { state } = attempt;
  const known = state.checkpoints.before(there.offset);
  let crc = known.crc32;
  await readPieces(
    content,
    known.offset,
    there.offset,
    () => isWanted(attempt),
    (bytes, offset) => {
      crc = crc32(bytes, crc);
      state.checkpoints.note(offset, crc);
    },
  );
  return crc === there.crc32;
}

/** Whether the file is stored as it was sent before. If so, emits the event that the put would have ended with. */
async function isStored(attempt: ResumableTry, sent: SentContent, content: Content): Promise<boolean> {
  const { client, source, subscriber } = attempt;
  const { mtime = content.mtime } = source.settings;
  const found = await storedAs(client, source.filename, sent, mtime);
  if (found !== null && isWanted(attempt)) subscriber.next(found);
  return found !== null;
}

/** Has the server drop an upload. */
export async function forget({ client }: ResumableTry, id: string): Promise<void> {
  try {
    await lastValueFrom(client.cancel(id), { defaultValue: undefined });
  } catch (thrown) {
    // The server has nothing to drop.
    if (!isRefused(thrown, 'not-found')) throw thrown;
  }
}

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

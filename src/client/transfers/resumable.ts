/**
 * One try at sending a large content. It asks how much the server has, compares that with the content's first bytes,
 * and sends the bytes behind them.
 *
 *   the server has                               the try
 *   nothing                                      sends all of it
 *   bytes with the CRC-32 of ours                sends the bytes behind them
 *   other bytes, or more than the content has    cancels the upload, and sends all of it
 *   nothing, but all was sent before             asks whether the file is stored: its ack may have been lost
 */
import { firstValueFrom, lastValueFrom, Observable } from 'rxjs';
import type { UploadOffset } from '../../files/protocol/file.ts';
import type { Client } from '../client.ts';
import { type ClientFault, isClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';
import { contentFault, type Hasher, hashOf, readPieces } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import type { Checksum } from '../pipeline/frame-sender.ts';
import { type ContentSource, opener, type PutEvent, type PutSettings } from '../put.ts';
import { type Checkpoints, createCheckpoints } from './checkpoints.ts';

export interface UploadSource {
  readonly filename: string;
  readonly content: ContentSource;
  readonly settings: PutSettings;
  /** Makes the upload's name, which stands for the content in its present state. */
  readonly idOf: (content: Content) => string;
  readonly crc32: Checksum;
  /** Makes a hasher for SHA-256; null when no SHA-256 is to be sent along. */
  readonly hasher: (() => Hasher) | null;
  /** Bytes between two `durable` events. */
  readonly progress: number;
}

/** What one try leaves behind for the next one. */
export interface ResumeState {
  /** The upload's name. */
  id: string | null;
  /** The state of the source that the other fields are about. */
  source: Pick<Content, 'size' | 'mtime' | 'ctime'> | null;
  readonly checkpoints: Checkpoints;
  sha256: string | null;
  /** Size and CRC-32 of the content, once all of it was sent. */
  sent: SentContent | null;
  /** The upload was cancelled because the server refused the bytes it had. That is done once. */
  restarted: boolean;
}

export const createResumeState = (): ResumeState => ({
  id: null,
  source: null,
  checkpoints: createCheckpoints(),
  sha256: null,
  sent: null,
  restarted: false,
});

export type TryEvent =
  | PutEvent
  | { readonly type: 'resumed'; readonly offset: number; readonly total: number };

/** Errors with a `ClientFault`. Unsubscribing gives the try up; the server keeps its bytes. */
export function sendResumable(
  client: Client,
  source: UploadSource,
  state: ResumeState,
): Observable<TryEvent> {
  return new Observable((subscriber) => {
    let cancel = () => {};
    let askedAgain = false;
    const wanted = () => !subscriber.closed;

    async function run(): Promise<void> {
      const content = await opened(source.content);
      let handedOver = false;
      try {
        const id = source.idOf(content);
        if (!wanted()) return;
        await remember(id, content);
        if (source.hasher !== null) state.sha256 ??= await hashOf(content, source.hasher(), wanted);
        const there = await resumePoint(content, id);
        if (there === null || !wanted()) return;
        subscriber.next({ type: 'resumed', offset: there.offset, total: content.size });
        const settings: PutSettings = {
          ...source.settings,
          upload: id,
          progress: source.progress,
          ...(there.offset === 0 ? {} : { resumeAt: there }),
          ...(state.sha256 === null ? {} : { sha256: state.sha256 }),
        };
        try {
          return await put(settings, () => {
            handedOver = true;
            return content;
          });
        } catch (thrown) {
          if (!(await canRetryNow(thrown, id, there.offset))) throw thrown;
        }
      } finally {
        if (!handedOver) content.close?.();
      }
      await run();
    }

    /** Discards what an earlier try has left when the source has changed since. */
    async function remember(id: string, content: Content): Promise<void> {
      const before = state.source;
      const isOther = before !== null && !isSameState(before, content);
      if (state.id !== null && state.id !== id) await forget(state.id);
      state.id = id;
      state.source = content;
      if (isOther) state.sent = null;
      // Content without a modification time is known to be unchanged only if it is the same object.
      if (before === content || (before !== null && !isOther && content.mtime !== undefined)) return;
      state.checkpoints.clear();
      state.sha256 = null;
    }

    /** Finds the offset to go on from; null when the file turns out to be stored. */
    async function resumePoint(content: Content, id: string): Promise<UploadOffset | null> {
      const there = await firstValueFrom(client.resume(id));
      if (there.offset === 0)
        return state.sent !== null && (await stored(state.sent, content)) ? null : there;
      if (there.offset <= content.size && (await isOurs(content, there))) {
        state.checkpoints.passed(there.offset);
        return there;
      }
      // An unsubscribed try has stopped comparing, and so knows nothing about the bytes.
      if (!wanted()) return null;
      await forget(id);
      return { offset: 0, crc32: 0 };
    }

    async function isOurs(content: Content, there: UploadOffset): Promise<boolean> {
      const known = state.checkpoints.before(there.offset);
      let crc = known.crc32;
      await readPieces(content, known.offset, there.offset, wanted, (bytes, offset) => {
        crc = source.crc32(bytes, crc);
        state.checkpoints.note(offset, crc);
      });
      return crc === there.crc32;
    }

    async function stored(sent: SentContent, content: Content): Promise<boolean> {
      const { mtime = content.mtime } = source.settings;
      const found = await storedAs(client, source.filename, sent, mtime);
      if (found !== null && wanted()) subscriber.next(found);
      return found !== null;
    }

    async function forget(id: string): Promise<void> {
      try {
        await lastValueFrom(client.cancel(id), { defaultValue: undefined });
      } catch (thrown) {
        // The server has nothing to drop.
        if (!isRefused(thrown, 'not-found')) throw thrown;
      }
    }

    function put(settings: PutSettings, open: () => Content): Promise<void> {
      const hooks = {
        passed: state.checkpoints.note,
        sent: (sent: SentContent) => {
          state.sent = sent;
        },
      };
      return new Promise<void>((resolve, reject) => {
        const putting = client.put(source.filename, open, settings, hooks).subscribe({
          next: (event: PutEvent) => {
            if (event.type === 'durable') state.checkpoints.passed(event.offset);
            subscriber.next(event);
          },
          error: (fault: ClientFault) => {
            // The server has answered: the content was not stored.
            if (fault.type === 'refused') state.sent = null;
            reject(fault);
          },
          complete: resolve,
        });
        cancel = () => {
          putting.unsubscribe();
          resolve();
        };
      });
    }

    /** Whether to start over at once. */
    async function canRetryNow(thrown: unknown, id: string, offset: number): Promise<boolean> {
      if (!wanted() || !isClientFault(thrown) || thrown.type !== 'refused') return false;
      // The server has more or fewer bytes by now: it is asked again.
      if (thrown.error.code === 'bad-offset' && !askedAgain) {
        askedAgain = true;
        return true;
      }
      if (offset === 0 || state.restarted || !WHOLE_CONTENT_CODES.has(thrown.error.code)) return false;
      state.restarted = true;
      await forget(id);
      return true;
    }

    run().then(
      () => subscriber.complete(),
      (thrown: unknown) => subscriber.error(isClientFault(thrown) ? thrown : contentFault(thrown)),
    );
    return () => cancel();
  });
}

const isSameState = (a: Pick<Content, 'size' | 'mtime' | 'ctime'>, b: typeof a): boolean =>
  a.size === b.size && a.mtime === b.mtime && a.ctime === b.ctime;

/** Refusals of a resumed put that may be due to the bytes that the server had before. */
const WHOLE_CONTENT_CODES = new Set<string>([
  'bad-offset',
  'crc-mismatch',
  'sha256-mismatch',
  'size-mismatch',
]);

export const isRefused = (thrown: unknown, code: string): boolean =>
  isClientFault(thrown) && thrown.type === 'refused' && thrown.error.code === code;

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

async function opened(content: ContentSource): Promise<Content> {
  try {
    return await opener(content)();
  } catch (thrown) {
    throw contentFault(thrown);
  }
}

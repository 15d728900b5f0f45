/**
 * One try at sending a large content: asks what the server has of it, sees that those are the first bytes of what is
 * to be sent, and sends the rest.
 *
 *   what the server has                          what is done
 *   nothing                                      all is sent
 *   bytes with the CRC-32 of ours                the rest is sent
 *   other bytes, or more than there are          cancelled: all is sent
 *   nothing, but all was sent before             asked whether the file is there already: the answer may have been lost
 */
import { firstValueFrom, lastValueFrom, Observable } from 'rxjs';
import type { UploadOffset } from '../../files/protocol/file.ts';
import type { Client } from '../client.ts';
import { type ClientFault, isClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';
import { type Hasher, hashOf, readPieces } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/exchange.ts';
import type { Checksum } from '../pipeline/frame-sender.ts';
import { type ContentSource, opener, type PutEvent, type PutSettings } from '../put.ts';
import { type Checkpoints, createCheckpoints } from './checkpoints.ts';

export interface UploadSource {
  readonly filename: string;
  readonly content: ContentSource;
  readonly settings: PutSettings;
  /** Names this content, as it is now. */
  readonly idOf: (content: Content) => string;
  readonly crc32: Checksum;
  /** Makes what computes a SHA-256; null when it is not to be sent along. */
  readonly hasher: (() => Hasher) | null;
  /** Bytes between two tellings of what is durable. */
  readonly progress: number;
}

/** What one try leaves for the next. */
export interface ResumeState {
  /** What the upload was called. */
  id: string | null;
  /** Which state of the source the rest is about. */
  source: Pick<Content, 'size' | 'mtime' | 'ctime'> | null;
  readonly checkpoints: Checkpoints;
  sha256: string | null;
  /** What was sent when all was. */
  sent: SentContent | null;
  /** The server was told to forget it because it did not take what it had. Done once. */
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

/** Errors with a `ClientFault`. Unsubscribing gives it up; what the server has of it stays there. */
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

    /** What an earlier try has left is only good for the same state of the source. */
    async function remember(id: string, content: Content): Promise<void> {
      const before = state.source;
      const isOther = before !== null && !isSameState(before, content);
      if (state.id !== null && state.id !== id) await forget(state.id);
      state.id = id;
      state.source = content;
      if (isOther) state.sent = null;
      // Without a time only content that was given as such is known to be what it was.
      if (before === content || (before !== null && !isOther && content.mtime !== undefined)) return;
      state.checkpoints.clear();
      state.sha256 = null;
    }

    /** Where to go on; null when the file turns out to be stored. */
    async function resumePoint(content: Content, id: string): Promise<UploadOffset | null> {
      const there = await firstValueFrom(client.resume(id));
      if (there.offset === 0)
        return state.sent !== null && (await stored(state.sent, content)) ? null : there;
      if (there.offset <= content.size && (await isOurs(content, there))) {
        state.checkpoints.passed(there.offset);
        return there;
      }
      // Who has left off comparing knows nothing of it.
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
        // What is not there need not be dropped.
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
            // An answer, if not the one that was hoped for: it was not stored.
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

    /** Whether it is worth going through all of it once more at once. */
    async function canRetryNow(thrown: unknown, id: string, offset: number): Promise<boolean> {
      if (!wanted() || !isClientFault(thrown) || thrown.type !== 'refused') return false;
      // The server has more or less by now: it is asked again.
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

/** What a put that goes on may be refused with because of what the server had before. */
const WHOLE_CONTENT_CODES = new Set<string>([
  'bad-offset',
  'crc-mismatch',
  'sha256-mismatch',
  'size-mismatch',
]);

export const isRefused = (thrown: unknown, code: string): boolean =>
  isClientFault(thrown) && thrown.type === 'refused' && thrown.error.code === code;

/**
 * Whether just what was sent is stored under a name, as far as size and CRC-32 tell, or modification time where the
 * server does not know the CRC-32: then as the event that its put would have ended with. Whether it is durable
 * is not known.
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

const contentFault = (thrown: unknown): ClientFault => ({
  type: 'content',
  message: thrown instanceof Error ? thrown.message : String(thrown),
  thrown,
});

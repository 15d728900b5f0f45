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
import { firstValueFrom, lastValueFrom, Observable, type Subscriber } from 'rxjs';
import type { UploadOffset } from '../../files/protocol/file.ts';
import type { Client } from '../client.ts';
import { type ClientFault, isClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';
import { contentFault, type Hasher, hashOf, readPieces } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import type { Checksum } from '../pipeline/frame-sender.ts';
import { isRefused } from '../pool/retry.ts';
import { type ContentSource, opener, type PutEvent, type PutSettings } from '../put.ts';
import { noteSource, type ResumeState } from './resume-state.ts';
import { storedAs } from './stored-as.ts';

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

export type TryEvent =
  | PutEvent
  | { readonly type: 'resumed'; readonly offset: number; readonly total: number };

interface ResumableTry {
  readonly client: Client;
  readonly source: UploadSource;
  readonly state: ResumeState;
  readonly subscriber: Subscriber<TryEvent>;
  /** The server has refused the offset once, and was asked again. */
  askedAgain: boolean;
  /** Gives the put up that is under way, if there is one. */
  cancel: () => void;
}

/** Errors with a `ClientFault`. Unsubscribing gives the try up; the server keeps its bytes. */
export function sendResumable(
  client: Client,
  source: UploadSource,
  state: ResumeState,
): Observable<TryEvent> {
  return new Observable((subscriber) => {
    const attempt: ResumableTry = { client, source, state, subscriber, askedAgain: false, cancel: () => {} };
    run(attempt).then(
      () => subscriber.complete(),
      (thrown: unknown) => subscriber.error(isClientFault(thrown) ? thrown : contentFault(thrown)),
    );
    return () => attempt.cancel();
  });
}

/** Whether somebody is still subscribed. */
const isWanted = ({ subscriber }: ResumableTry): boolean => !subscriber.closed;

async function run(attempt: ResumableTry): Promise<void> {
  const { source, state, subscriber } = attempt;
  const content = await opened(source.content);
  let handedOver = false;
  try {
    const id = source.idOf(content);
    if (!isWanted(attempt)) return;
    await adopt(attempt, id, content);
    if (source.hasher !== null) {
      state.sha256 ??= await hashOf(content, source.hasher(), () => isWanted(attempt));
    }
    const there = await resumePoint(attempt, content, id);
    if (there === null || !isWanted(attempt)) return;
    subscriber.next({ type: 'resumed', offset: there.offset, total: content.size });
    const settings: PutSettings = {
      ...source.settings,
      upload: id,
      progress: source.progress,
      ...(there.offset === 0 ? {} : { resumeAt: there }),
      ...(state.sha256 === null ? {} : { sha256: state.sha256 }),
    };
    try {
      return await put(attempt, settings, () => {
        handedOver = true;
        return content;
      });
    } catch (thrown) {
      if (!(await canRetryNow(attempt, thrown, id, there.offset))) throw thrown;
    }
  } finally {
    if (!handedOver) content.close?.();
  }
  await run(attempt);
}

async function opened(content: ContentSource): Promise<Content> {
  try {
    return await opener(content)();
  } catch (thrown) {
    throw contentFault(thrown);
  }
}

/** Makes the content the one that is sent. What the server has under another name is dropped there. */
async function adopt(attempt: ResumableTry, id: string, content: Content): Promise<void> {
  const { state } = attempt;
  if (state.id !== null && state.id !== id) await forget(attempt, state.id);
  noteSource(state, id, content);
}

/** Has the server drop an upload. */
async function forget({ client }: ResumableTry, id: string): Promise<void> {
  try {
    await lastValueFrom(client.cancel(id), { defaultValue: undefined });
  } catch (thrown) {
    // The server has nothing to drop.
    if (!isRefused(thrown, 'not-found')) throw thrown;
  }
}

/** Finds the offset to go on from; null when the file turns out to be stored. */
async function resumePoint(
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
  const { source, state } = attempt;
  const known = state.checkpoints.before(there.offset);
  let crc = known.crc32;
  await readPieces(
    content,
    known.offset,
    there.offset,
    () => isWanted(attempt),
    (bytes, offset) => {
      crc = source.crc32(bytes, crc);
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

/** Sends the content. Rejects with the put's fault; resolves also when the put was given up. */
function put(attempt: ResumableTry, settings: PutSettings, open: () => Content): Promise<void> {
  const { client, source, state, subscriber } = attempt;
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
    attempt.cancel = () => {
      putting.unsubscribe();
      resolve();
    };
  });
}

/** Refusals of a resumed put that may be due to the bytes that the server had before. */
const WHOLE_CONTENT_CODES = new Set<string>([
  'bad-offset',
  'crc-mismatch',
  'sha256-mismatch',
  'size-mismatch',
]);

/** Whether to start over at once. */
async function canRetryNow(
  attempt: ResumableTry,
  thrown: unknown,
  id: string,
  offset: number,
): Promise<boolean> {
  const { state } = attempt;
  if (!isWanted(attempt) || !isClientFault(thrown) || thrown.type !== 'refused') return false;
  // The server has more or fewer bytes by now: it is asked again.
  if (thrown.error.code === 'bad-offset' && !attempt.askedAgain) {
    attempt.askedAgain = true;
    return true;
  }
  if (offset === 0 || state.restarted || !WHOLE_CONTENT_CODES.has(thrown.error.code)) return false;
  state.restarted = true;
  await forget(attempt, id);
  return true;
}

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
import { Observable } from 'rxjs';
import type { Client } from '../client.ts';
import { ClientError, isClientFault } from '../client-fault.ts';
import type { Content } from '../content/content.ts';
import { type ContentSource, opener } from '../content/hold-content.ts';
import { clientFault, contentFault, hashOf } from '../content/read-content.ts';
import type { SentContent } from '../pipeline/client-request.ts';
import type { PutEvent, PutSettings } from '../put.ts';
import {
  forget,
  isWanted,
  type ResumableTry,
  resumePoint,
  type TryEvent,
  type UploadSource,
} from './resume-point.ts';
import { noteSource, type ResumeState } from './resume-state.ts';
import { createSendWindow } from './send-window.ts';

/** Errors with a `ClientError`. Unsubscribing gives the try up; the server keeps its bytes. */
export function sendResumable(
  client: Client,
  source: UploadSource,
  state: ResumeState,
): Observable<TryEvent> {
  return new Observable((subscriber) => {
    const attempt: ResumableTry = { client, source, state, subscriber, askedAgain: false, cancel: () => {} };
    run(attempt).then(
      () => subscriber.complete(),
      (thrown: unknown) => subscriber.error(new ClientError(clientFault(thrown))),
    );
    return () => attempt.cancel();
  });
}

async function run(attempt: ResumableTry): Promise<void> {
  const { source, state, subscriber } = attempt;
  const content = await opened(source.content);
  let handedOver = false;
  try {
    const id = source.idOf(content);
    if (!isWanted(attempt)) return;
    await adopt(attempt, id, content);
    if (source.isVerified) state.sha256 ??= await hashOf(content, () => isWanted(attempt));
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
  subscriber.next({ type: 'again' });
  await run(attempt);
}

async function opened(content: ContentSource): Promise<Content> {
  try {
    return await opener(content)();
  } catch (thrown) {
    throw new ClientError(contentFault(thrown));
  }
}

/** Makes the content the one that is sent. What the server has under another name is dropped there. */
async function adopt(attempt: ResumableTry, id: string, content: Content): Promise<void> {
  const { state } = attempt;
  if (state.id !== null && state.id !== id) await forget(attempt, state.id);
  noteSource(state, id, content);
}

/** Sends the content. Rejects with the put's fault; resolves also when the put was given up. */
function put(attempt: ResumableTry, settings: PutSettings, open: () => Content): Promise<void> {
  const { client, source, state, subscriber } = attempt;
  const { sendWindow } = source;
  const window =
    sendWindow === undefined ? null : createSendWindow(sendWindow, settings.resumeAt?.offset ?? 0);
  const hooks = {
    ...(window === null ? {} : { allowed: window.allowed }),
    passed: state.checkpoints.note,
    sent: (sent: SentContent) => {
      state.sent = sent;
    },
  };
  return new Promise<void>((resolve, reject) => {
    const putting = client.put(source.filename, open, settings, hooks).subscribe({
      next: (event: PutEvent) => {
        if (event.type === 'durable') {
          state.checkpoints.passed(event.offset);
          window?.durable(event.offset);
        }
        subscriber.next(event);
      },
      error: (error: unknown) => {
        // The server has answered: the content was not stored.
        if (isClientFault(error) && error.code === 'refused') state.sent = null;
        window?.open();
        reject(error);
      },
      complete: resolve,
    });
    attempt.cancel = () => {
      putting.unsubscribe();
      window?.open();
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
  if (!isWanted(attempt) || !isClientFault(thrown) || thrown.code !== 'refused') return false;
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

/**
 * One replay of a recording against something that answers, in this process and without a network.
 *
 * ```text
 *  recorded clients ──▶ pairs in memory ──▶ connections$ ──▶ service
 *  recorded replies ──▶ comparison ◀────────── replies ◀─────────┘
 * ```
 */
import { Observable, ReplaySubject, type Subscription } from 'rxjs';
import type { Capture } from '../capture/capture.ts';
import type { StreamOptions } from '../capture/read-streams.ts';
import type { LiveResult } from '../capture/replay/live-result.ts';
import type { Chunking } from '../capture/replay/rechunk.ts';
import { replayTo } from '../capture/replay/replay-live.ts';
import type { Replies } from '../capture/replay/replies.ts';
import type { Connection } from '../transport/connection.ts';
import type { ListenEvent } from '../transport/listen-event.ts';
import { memoryPair } from '../transport/memory/memory-pair.ts';
import { check, OBSERVABLE } from '../wire/argument.ts';
import type { Service } from './pipeline.ts';

export interface ServiceReplay {
  readonly chunking: Chunking;
  readonly replies: Replies<unknown> | null;
  /** The replay ends behind this conversation; null plays all of them. */
  readonly conversation: number | null;
  /** Milliseconds to wait for a reply that was recorded. */
  readonly stall: number;
  readonly streams: StreamOptions | undefined;
}

export interface ServiceResult {
  readonly results: readonly LiveResult[];
  /** Exceptions of the service that each cost a connection. */
  readonly thrown: readonly unknown[];
}

/**
 * Plays all clients, in the order of the recording. Rejects with the `CaptureFault` of a capture that cannot be read, and
 * with what the service errors with.
 */
export function replayToService(
  capture: Capture,
  service: Service,
  { chunking, replies, conversation, stall, streams }: ServiceReplay,
): Promise<ServiceResult> {
  const results: LiveResult[] = [];
  const thrown: unknown[] = [];
  const connections$ = new ReplaySubject<ListenEvent>();
  let serving: Subscription | undefined;
  let replaying: Subscription | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    const events$ = service.serve(connections$);
    check('service: what it returns', events$, OBSERVABLE);
    serving = events$.subscribe({
      next: (event) => {
        if (isInternalError(event)) thrown.push(event.thrown);
      },
      error: reject,
    });
    const connect = (): Observable<Connection> =>
      new Observable((connecting) => {
        const [clientSide, connection] = memoryPair();
        connections$.next({ type: 'connection', connection });
        connecting.next(clientSide);
        connecting.complete();
      });
    replaying = replayTo(capture, connect, {
      chunking,
      stall,
      awaitsBeforeEnd: true,
      ...(replies === null ? {} : { replies }),
      ...(streams === undefined ? {} : { streams }),
    }).subscribe({
      next: (result) => {
        results.push(result);
        if (result.conversation.index === conversation) resolve();
      },
      error: reject,
      complete: resolve,
    });
  });
  return ended
    .then(() => ({ results, thrown }))
    .finally(() => {
      replaying?.unsubscribe();
      serving?.unsubscribe();
    });
}

interface InternalError {
  readonly type: 'internal-error';
  readonly thrown: unknown;
}

const isInternalError = (event: unknown): event is InternalError =>
  (event as Partial<InternalError> | null)?.type === 'internal-error';

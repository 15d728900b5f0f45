/** Has a worker of its own do something, and ends it when nobody wants to know any more. */
import { Observable } from 'rxjs';
import type { FollowAsk, ReadAsk, Tell } from './messages.ts';

const WORKER = 'inspect/read/inspect-worker';

/**
 * What the worker tells. Completes when it is done; errors where it cannot be started or has failed. To unsubscribe is to
 * cancel.
 */
export function askWorker(ask: ReadAsk | FollowAsk): Observable<Tell> {
  return new Observable((subscriber) => {
    const worker = new Worker(new URL(WORKER_URLS[WORKER]!, document.baseURI), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<Tell>) => {
      subscriber.next(data);
      if (data.type === 'update') worker.postMessage({ type: 'taken' });
      else if (data.type !== 'progress') subscriber.complete();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      subscriber.error(new Error(event.message || 'the server did not send what reads captures'));
    };
    worker.postMessage(ask);
    return () => worker.terminate();
  });
}

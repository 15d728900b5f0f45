/** The SHA-256 of files, as the worker computes them: one after the other. */
import { Observable } from 'rxjs';
import { ContentError } from '../../client/content/content-error.ts';
import type { HashAnswer, HashRequest } from './hash-worker.ts';

/** @param start makes the worker, when there is a first file. */
export function createHasher(start: () => Worker): (file: Blob) => Observable<string> {
  let worker: Worker | null = null;
  let lastId = 0;
  return (file) =>
    new Observable((subscriber) => {
      worker ??= start();
      const at = worker;
      const id = ++lastId;
      const onMessage = ({ data }: MessageEvent<HashAnswer>): void => {
        if (data.id !== id) return;
        if ('error' in data) return subscriber.error(new ContentError('unreadable', data.error));
        subscriber.next(data.digest);
        subscriber.complete();
      };
      const onError = (): void => {
        worker = null;
        subscriber.error(new Error('the browser could not compute the SHA-256'));
      };
      at.addEventListener('message', onMessage);
      at.addEventListener('error', onError);
      at.postMessage({ id, file } satisfies HashRequest);
      return () => {
        at.removeEventListener('message', onMessage);
        at.removeEventListener('error', onError);
        at.postMessage({ id, file: null } satisfies HashRequest);
      };
    });
}

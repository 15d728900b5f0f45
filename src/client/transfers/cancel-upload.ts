/** Has the server drop what it keeps of an upload, over the connections of a pool: tried again as the upload was. */
import { Observable, Subscription } from 'rxjs';
import { ClientError } from '../client-fault.ts';
import { clientFault } from '../content/read-content.ts';
import type { ConnectionPool } from '../pool/connection-pool.ts';
import { createJob } from '../pool/pool-state.ts';
import { isRefused } from '../pool/retry.ts';

export const cancelUpload = (pool: ConnectionPool, upload: string): Observable<never> =>
  new Observable((subscriber) => {
    let running = Subscription.EMPTY;
    const finish = (): void => {
      pool.done(job);
      subscriber.complete();
    };
    const job = createJob(
      (client) => {
        running = client.cancel(upload).subscribe({
          error: (thrown: unknown) => {
            // There is nothing to drop.
            if (isRefused(thrown, 'not-found')) finish();
            else pool.failed(job, clientFault(thrown));
          },
          complete: finish,
        });
      },
      (fault) => subscriber.error(new ClientError(fault)),
      false,
    );
    pool.add(job);
    return () => {
      running.unsubscribe();
      pool.done(job);
    };
  });

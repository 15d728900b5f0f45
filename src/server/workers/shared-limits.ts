/** The limits of a worker: those that hold over all workers are asked of the process that owns them. */
import { Observable } from 'rxjs';
import type { ConnectionCount } from '../../actor/bounds/connection-limit.ts';
import { createLeasedRateLimiter } from '../../actor/bounds/leased-rate.ts';
import { createRateLimiter, type RateLimiter } from '../../actor/bounds/rate-limit.ts';
import type { Calls } from '../../base/calls.ts';
import { hostOf } from '../../transport/address.ts';
import type { Connection } from '../../transport/connection.ts';
import type { ListenEvent } from '../../transport/listen-event.ts';
import type { ServerLimits } from '../limits.ts';
import type { SharedLimits } from '../server-state.ts';
import type { RateName } from './limits-owner.ts';

export interface WorkerLimits extends SharedLimits {
  /** The same connections, each once the owner has said whether it may be served. It is not read meanwhile. */
  readonly admitted: (connections$: Observable<ListenEvent>) => Observable<ListenEvent>;
}

export function shareLimits(
  calls: Pick<Calls, 'call' | 'tell'>,
  limits: Pick<ServerLimits, 'requestsPerSecond' | 'bytesPerSecond'>,
): WorkerLimits {
  const { admitted, connections } = shareConnections(calls);
  const rateOf = (rate: RateName, perSecond: number): RateLimiter =>
    perSecond === Number.POSITIVE_INFINITY
      ? createRateLimiter(perSecond)
      : createLeasedRateLimiter((demand, give) => {
          // When the owner is gone, so is this process soon.
          calls.call<number>('lease', { rate, demand }).then(give, () => {});
        });
  return {
    admitted,
    connections,
    rates: {
      bytes: rateOf('bytes', limits.bytesPerSecond),
      requests: rateOf('requests', limits.requestsPerSecond),
    },
    tokenTries: {
      takeTurn: (host) => calls.call<number>('turn', host),
      wrong: (host) => calls.tell('wrong', host),
    },
  };
}

function shareConnections(calls: Pick<Calls, 'call' | 'tell'>): {
  readonly admitted: WorkerLimits['admitted'];
  readonly connections: ConnectionCount;
} {
  /** What the owner has said of a connection that is not begun yet. */
  const verdicts = new WeakMap<Connection, string | null>();
  let open = 0;
  const leave = ({ remote }: Connection) => calls.tell('leave', hostOf(remote));

  const admitted = (connections$: Observable<ListenEvent>) =>
    new Observable<ListenEvent>((subscriber) =>
      connections$.subscribe({
        next: (event) => {
          if (event.type !== 'connection') return subscriber.next(event);
          const { connection } = event;
          calls.call<string | null>('enter', hostOf(connection.remote)).then(
            (why) => {
              if (!subscriber.closed) {
                verdicts.set(connection, why);
                return subscriber.next(event);
              }
              connection.destroy();
              if (why === null) leave(connection);
            },
            // The owner is gone, and so is this process soon.
            () => connection.destroy(),
          );
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );

  return {
    admitted,
    connections: {
      count: () => open,
      enter: (connection) => {
        const why = verdicts.get(connection) ?? null;
        if (why === null) open++;
        return why;
      },
      leave: (connection) => {
        open--;
        leave(connection);
      },
    },
  };
}

/** The state of all workers as that of one server. */
import { serviceFault } from '../../files/protocol/errors.ts';
import type { Health } from '../health.ts';
import type { Status } from '../status.ts';

/** @param rss bytes of memory of the process that started the workers. */
export function joinStatus(all: readonly Status[], rss: number): Status {
  const sum = (of: (status: Status) => number) => all.reduce((total, status) => total + of(status), 0);
  const most = (of: (status: Status) => number) => all.reduce((max, status) => Math.max(max, of(status)), 0);
  const known = all.flatMap(({ unfinished }) => unfinished ?? []);
  return {
    stats: {
      connections: sum(({ stats }) => stats.connections),
      requests: sum(({ stats }) => stats.requests),
      received: sum(({ stats }) => stats.received),
      sent: sum(({ stats }) => stats.sent),
      unsettled: sum(({ stats }) => stats.unsettled),
    },
    uptime: most(({ uptime }) => uptime),
    rate: sum(({ rate }) => rate),
    // Each worker knows of all that are in the store.
    unfinished: known.toSorted((one, other) => other.count - one.count)[0],
    loopDelay: most(({ loopDelay }) => loopDelay),
    rss: rss + sum(({ rss: each }) => each),
  };
}

/** What is wrong with one is wrong with the server, since its connections are handed to each. Null: it did not answer. */
export function joinHealth(all: readonly (Health | null)[]): Health {
  if (all.includes(null)) {
    return { status: 'unwritable', error: serviceFault('io-error', 'a worker does not answer') };
  }
  const known = all.filter((health) => health !== null);
  const unwell = known.find(({ status }) => status === 'unwritable');
  return unwell ?? known.find(({ status }) => status === 'ok') ?? { status: 'starting' };
}

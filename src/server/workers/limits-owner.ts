/**
 * The limits that hold over all workers, and the calls by which a worker asks for them. They exist once, in the process
 * that started the workers.
 *
 *   call    asks
 *   enter   whether one more connection may be served: null, or why not
 *   leave   nothing: a connection is over
 *   lease   for part of a rate: see `rate-owner`
 *   turn    in how many milliseconds a token of a host is looked at
 *   wrong   nothing: a token was nobody's
 */
import { createHostCount } from '../../actor/bounds/connection-limit.ts';
import type { RateDemand } from '../../actor/bounds/leased-rate.ts';
import { createTokenTries } from '../../files/effects/token-tries.ts';
import type { ServerLimits } from '../limits.ts';
import type { Owned } from './owned.ts';
import { createRateOwner, type RateOwner } from './rate-owner.ts';

export type RateName = 'bytes' | 'requests';

/** @param workers how many there may be. */
export function ownLimits(
  limits: Pick<
    ServerLimits,
    'connections' | 'connectionsPerAddress' | 'requestsPerSecond' | 'bytesPerSecond'
  >,
  workers: number,
): Owned {
  const hosts = createHostCount(limits);
  const tries = createTokenTries(() => performance.now());
  const rates: Readonly<Record<RateName, RateOwner>> = {
    bytes: createRateOwner(limits.bytesPerSecond, workers),
    requests: createRateOwner(limits.requestsPerSecond, workers),
  };
  return {
    join: ({ number }) => {
      /** How many connections of each host the worker has. Bounded by the connections. */
      const counted = new Map<string | null, number>();
      const leave = (host: string | null) => {
        const left = (counted.get(host) ?? 0) - 1;
        if (left < 0) return;
        if (left === 0) counted.delete(host);
        else counted.set(host, left);
        hosts.leave(host);
      };
      return {
        handlers: {
          enter: (host: string | null) => {
            const why = hosts.enter(host);
            if (why === null) counted.set(host, (counted.get(host) ?? 0) + 1);
            return why;
          },
          leave,
          lease: ({ rate, demand }: { readonly rate: RateName; readonly demand: RateDemand }) =>
            new Promise<number>((give) => rates[rate].lease(number, demand, give)),
          turn: tries.takeTurn,
          wrong: tries.wrong,
        },
        left: () => {
          for (const [host, count] of counted) for (let i = 0; i < count; i++) hosts.leave(host);
          counted.clear();
          for (const rate of Object.values(rates)) rate.left(number);
        },
      };
    },
  };
}

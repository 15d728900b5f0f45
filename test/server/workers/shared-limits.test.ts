/** The limits of connections and the tries of tokens over several workers, whose messages are in memory. */
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type CallHandlers, connectCalls } from '../../../src/base/calls.ts';
import { WRONG_FREE } from '../../../src/files/effects/token-tries.ts';
import { ownLimits } from '../../../src/server/workers/limits-owner.ts';
import { shareLimits } from '../../../src/server/workers/shared-limits.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { channelPair } from '../../support/channel-pair.ts';

const NO_RATES = { requestsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };

/** An owner, and what a worker has of it. */
function owner(bounds: { readonly connections: number; readonly connectionsPerAddress: number }) {
  const owned = ownLimits({ ...bounds, ...NO_RATES }, 2);
  return {
    worker: (number: number) => {
      const pair = channelPair();
      const seat = owned.join({ number, calls: () => atOwner });
      const atOwner = connectCalls(pair.other, seat.handlers as CallHandlers);
      const calls = connectCalls(pair.one, {});
      const limits = shareLimits(calls, NO_RATES);
      const accepted$ = new Subject<ListenEvent>();
      const admitted: Connection[] = [];
      const serving = limits.admitted(accepted$).subscribe((event) => {
        if (event.type === 'connection') admitted.push(event.connection);
      });
      const accept = (remote: string): Connection => {
        const connection = { ...memoryPair()[0], remote };
        accepted$.next({ type: 'connection', connection });
        return connection;
      };
      /** Resolves with why a connection is refused, once the owner has said so. */
      const ask = async (connection: Connection) => {
        await calls.call('turn', 'nobody');
        return admitted.includes(connection) ? limits.connections.enter(connection) : 'unanswered';
      };
      return { ...seat, limits, accept, ask, admitted, serving, calls };
    },
  };
}

describe('connections over several workers', () => {
  it('so many are let in over all workers, and one more when one of any of them is over', async () => {
    const { worker } = owner({ connections: 2, connectionsPerAddress: 2 });
    const [one, other] = [worker(1), worker(2)];
    const first = one.accept('192.0.2.1:1');
    expect(await one.ask(first)).toBeNull();
    expect(await other.ask(other.accept('192.0.2.2:1'))).toBeNull();
    expect(await other.ask(other.accept('192.0.2.3:1'))).toBe('2 are open');
    one.limits.connections.leave(first);
    expect(await one.ask(one.accept('192.0.2.3:1'))).toBeNull();
    expect(one.limits.connections.count()).toBe(1);
  });

  it('so many are let in from one address, whichever workers they come to', async () => {
    const { worker } = owner({ connections: 9, connectionsPerAddress: 1 });
    const [one, other] = [worker(1), worker(2)];
    expect(await one.ask(one.accept('192.0.2.1:1'))).toBeNull();
    expect(await other.ask(other.accept('192.0.2.1:2'))).toBe('1 from 192.0.2.1 are open');
    expect(await other.ask(other.accept('192.0.2.2:2'))).toBeNull();
  });

  it('a worker that is gone gives back all of its connections', async () => {
    const { worker } = owner({ connections: 2, connectionsPerAddress: 2 });
    const [one, other] = [worker(1), worker(2)];
    expect(await one.ask(one.accept('192.0.2.1:1'))).toBeNull();
    expect(await one.ask(one.accept('192.0.2.1:2'))).toBeNull();
    one.left();
    expect(await other.ask(other.accept('192.0.2.1:3'))).toBeNull();
    expect(await other.ask(other.accept('192.0.2.1:4'))).toBeNull();
  });

  it('a connection that is let in when the server accepts no more is dropped, and not counted', async () => {
    const { worker } = owner({ connections: 1, connectionsPerAddress: 1 });
    const [one, other] = [worker(1), worker(2)];
    one.accept('192.0.2.1:1');
    one.serving.unsubscribe();
    await one.calls.call('turn', 'nobody');
    await one.calls.call('turn', 'nobody');
    expect(one.admitted).toEqual([]);
    expect(await other.ask(other.accept('192.0.2.1:2'))).toBeNull();
  });
});

describe('wrong tokens over several workers', () => {
  it('wrong tokens that one worker has seen slow down their address at all others', async () => {
    const { worker } = owner({ connections: 9, connectionsPerAddress: 9 });
    const [one, other] = [worker(1), worker(2)];
    for (let i = 0; i < WRONG_FREE; i++) one.limits.tokenTries.wrong('192.0.2.1');
    expect(await one.limits.tokenTries.takeTurn('192.0.2.1')).toBeGreaterThan(0);
    expect(await other.limits.tokenTries.takeTurn('192.0.2.1')).toBeGreaterThan(0);
    expect(await other.limits.tokenTries.takeTurn('192.0.2.2')).toBe(0);
  });
});

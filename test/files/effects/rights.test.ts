/** The rights of a connection are those of now: whatever comes at the same time as a change of the rules, no right that was revoked comes back, and none that was given is lost. */
import { Subject } from 'rxjs';
import { describe, expect, test, vi } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { createRounds } from '../../../src/actor/bounds/rounds.ts';
import type { Access } from '../../../src/files/effects/access.ts';
import { serveConnection } from '../../../src/files/effects/serve-connection.ts';
import type { Principal } from '../../../src/files/protocol/access.ts';
import { commands, requestFraming } from '../../../src/files/session/dispatch.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { frame, outcomes, peer, putFrame } from '../../support/network/peer.ts';
import { fill } from '../../support/sessions/served-in-memory.ts';

const principal = (name: string, rights: Principal['rights']): Principal => ({ name, rights, prefix: '' });
const admin = principal('admin', ['read', 'write']);
const guest = principal('guest', []);

/** The turns of the event loop, which the test may hold: then nothing that comes is worked on. */
function heldTurns() {
  const held: (() => void)[] = [];
  let isHeld = false;
  let clock = 0;
  // Each piece of work uses up the time of its round, so that the next one waits for its turn.
  const rounds = createRounds(
    () => {
      clock += 10;
      return clock;
    },
    (work) => {
      if (isHeld) held.push(work);
      else setImmediate(work);
    },
  );
  return {
    rounds,
    hold: () => {
      isHeld = true;
    },
    release: () => {
      isHeld = false;
      for (const work of held.splice(0)) setImmediate(work);
    },
  };
}

function attended(access: Access, store: FileStore = memoryStore()) {
  const turns = heldTurns();
  const [theirs, ours] = memoryPair();
  const budget = createBudget(defaultLimits.budget);
  const bugs: unknown[] = [];
  const reports: string[] = [];
  const finished = new Promise<void>((complete) => {
    serveConnection(ours, {
      session: createSession(commands, { openRequests: 8 }),
      framing: requestFraming(),
      store,
      budget,
      access,
      rounds: turns.rounds,
      limits: defaultLimits,
      onInternalError: (thrown) => bugs.push(thrown),
    }).subscribe({ next: ({ type }) => reports.push(type), complete });
  });
  return { client: peer(theirs), turns, budget, bugs, reports, finished };
}

/** Access whose rules change in the moment in which a token is looked up. */
function changingWithHello(first: Principal | null, found: Principal) {
  const changed$ = new Subject<void>();
  let lookUps = 0;
  const access: Access = {
    initial: () => first,
    byToken: () => {
      changed$.next();
      return found;
    },
    current: (who) => {
      lookUps++;
      return who;
    },
    changed$,
  };
  return { access, lookUps: () => lookUps };
}

describe('a hello in which the rules change', () => {
  test('a hello in which the rules change gives the peer the rights of its token, which no earlier look-up takes away', async () => {
    const { access, lookUps } = changingWithHello(null, admin);
    const it = attended(access);
    await it.client.send(frame({ cmd: 'hello', token: 't' }), frame({ cmd: 'list' }));
    expect(await it.client.replies(2)).toMatchObject([{ ack: 'hello', name: 'admin' }, { ack: 'list' }]);
    await it.client.send(frame({ cmd: 'list' }));
    expect(outcomes(await it.client.replies(3))).toEqual(['hello', 'list', 'list']);
    // The rules have changed: the rights of the new principal are looked up.
    expect(lookUps()).toBeGreaterThan(0);
    it.client.connection.destroy();
    await it.finished;
  });

  test('a hello in which the rules change leaves a peer no rights that its token does not have', async () => {
    const { access } = changingWithHello(admin, guest);
    const it = attended(access);
    await it.client.send(frame({ cmd: 'list' }), frame({ cmd: 'hello', token: 't' }), frame({ cmd: 'list' }));
    expect(outcomes(await it.client.replies(3))).toEqual(['list', 'hello', 'forbidden']);
    it.client.connection.destroy();
    await it.finished;
  });
});

/** A store whose file `slow` is stored when the test says so. */
function storingWhen(stored: Promise<void>) {
  const store = memoryStore();
  const asked: string[] = [];
  const slow: FileStore = {
    ...store,
    put: (name, options) => {
      const sink = store.put(name, options);
      if (name !== 'slow' || sink instanceof Promise || !sink.ok) return sink;
      const { value } = sink;
      const commit = () => {
        asked.push(name);
        return stored.then(() => value.commit());
      };
      return { ok: true, value: { ...value, commit } };
    },
  };
  return { store: slow, asked };
}

test('rights that were revoked do not come back by a hello without a token that was said before, and waited for a put', async () => {
  const changed$ = new Subject<void>();
  let isRevoked = false;
  const access: Access = {
    initial: () => admin,
    byToken: () => null,
    current: (who) => (isRevoked ? null : who),
    changed$,
  };
  let storeIt = () => {};
  const { store, asked } = storingWhen(
    new Promise<void>((resolve) => {
      storeIt = resolve;
    }),
  );
  await fill(store, 'secret', Buffer.from('the secret'));
  const it = attended(access, store);
  await it.client.send(putFrame('slow', 'x'), frame({ cmd: 'hello' }));
  await vi.waitUntil(() => asked.length === 1, { interval: 1, timeout: 60_000 });
  it.turns.hold();
  isRevoked = true;
  changed$.next();
  // The put is stored before the connection has its next turn: both results wait then.
  storeIt();
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  it.turns.release();
  expect(await it.client.replies(2)).toMatchObject([{ ack: 'put' }, { ack: 'hello' }]);
  await it.client.send(frame({ cmd: 'get', filename: 'secret' }));
  expect(outcomes(await it.client.replies(3))).toEqual(['put', 'hello', 'not-authenticated']);
  it.client.connection.destroy();
  await it.finished;
});

describe('access that fails', () => {
  test.each<[string, (changed$: Subject<void>) => void]>([
    ['its changes error', (changed$) => changed$.error(new Error('access is gone'))],
    ['the rights of now cannot be looked up', (changed$) => changed$.next()],
  ])('a connection whose access fails is over, and leaves no put behind: %s', async (_, fail) => {
    const changed$ = new Subject<void>();
    const access: Access = {
      initial: () => admin,
      byToken: () => null,
      current: () => {
        throw new Error('access is gone');
      },
      changed$,
    };
    const store = memoryStore();
    const it = attended(access, store);
    await it.client.send(putFrame('a', 'hello').subarray(0, -2));
    await vi.waitUntil(() => store.sinks === 1, { interval: 1, timeout: 60_000 });
    fail(changed$);
    await it.finished;
    expect(it.bugs.map(String)).toEqual(['Error: access is gone']);
    expect(store.sinks).toBe(0);
    expect(store.contents.size).toBe(0);
    expect(it.budget.unsettled()).toBe(0);
  });
});

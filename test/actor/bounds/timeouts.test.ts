/** In virtual time: which deadline ends a connection, and when. */
import { type SchedulerLike, Subscription } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { type ConnectionProgress, createTimeoutMonitor } from '../../../src/actor/bounds/timeouts.ts';
import { timedOut } from '../../../src/files/effects/timed-out.ts';
import { defaultLimits } from '../../../src/server/limits.ts';

const deadlines = { firstBytes: 400, header: 200, body: 100, bodyBytes: 10, idle: 1000, unread: 300 };
const nothing: ConnectionProgress = {
  received: 0,
  partialHead: 0,
  inBody: false,
  bodies: 0,
  open: 0,
  listening: true,
  writes: 0,
  writing: false,
};

/** Runs `script`, which changes what the connection is at, and answers what expired and when. */
function expired(
  script: (at: (ms: number, change: Partial<ConnectionProgress>) => void) => void,
  until = 5_000,
) {
  const scheduler = new TestScheduler(() => {});
  let progress = nothing;
  const found: string[] = [];
  scheduler.maxFrames = until;
  scheduler.run(() => {
    const clock = createTimeoutMonitor(deadlines, scheduler);
    script((ms, change) => {
      const set = () => {
        progress = { ...progress, ...change };
      };
      if (ms === 0) set();
      else scheduler.schedule(set, ms);
    });
    const stop = clock.monitor(
      () => progress,
      (which) => found.push(`${which} at ${scheduler.now()}`),
    );
    scheduler.schedule(stop, until);
  });
  return found;
}

/** A tick is a quarter of the shortest deadline: 25 ms. */
describe('a peer', () => {
  test('a peer that says nothing has so long for its first bytes', () => {
    expect(expired(() => {})).toEqual(['firstBytes at 400']);
  });

  test('a peer that has begun a header has so long for the rest of it, however it goes on', () => {
    const drip = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      for (let n = 1; n < 40; n++) at(n * 10, { received: n, partialHead: n });
    };
    expect(expired(drip)).toEqual(['header at 225']);
  });

  test('a peer that sends a byte now and then of a body is dropped', () => {
    const drip = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 50, inBody: true });
      for (let n = 1; n < 100; n++) at(n * 20, { received: 50 + n, bodies: n });
    };
    expect(expired(drip)).toEqual(['body at 100']);
  });

  test('a peer that is slow but steady is not', () => {
    const steady = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 50, inBody: true });
      for (let n = 1; n < 100; n++) at(n * 20, { received: 50 + 3 * n, bodies: 3 * n });
    };
    expect(expired(steady, 1_900)).toEqual([]);
  });

  test('a peer is not to blame for the time in which we do not read', () => {
    const paused = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 50, inBody: true, listening: false });
      at(2_000, { listening: true });
    };
    // It is looked at every 25 ms, so what is counted from is up to that much too early.
    expect(expired(paused)).toEqual(['body at 2075']);
  });

  test('a peer that has begun a header is not to blame either while we do not read the rest of it', () => {
    const paused = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 50, partialHead: 50, listening: false });
      at(2_000, { listening: true });
    };
    expect(expired(paused)).toEqual(['header at 2175']);
  });

  test('a peer is not to blame either for first bytes or a next request that we do not read', () => {
    const paused =
      (before: Partial<ConnectionProgress>) =>
      (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
        at(0, { ...before, listening: false });
        at(2_000, { listening: true });
      };
    expect(expired(paused({}))).toEqual(['firstBytes at 2375']);
    expect(expired(paused({ received: 50 }))).toEqual(['idle at 2975']);
  });

  test('a peer that was late with something is still dropped when it takes nothing of the replies', () => {
    const late =
      (begun: Partial<ConnectionProgress>) =>
      (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
        at(0, { received: 50, open: 1, ...begun });
        at(1_000, { writing: true, inBody: false, partialHead: 0 });
      };
    expect(expired(late({ inBody: true }))).toEqual(['body at 100', 'unread at 1275']);
    expect(expired(late({ partialHead: 50 }))).toEqual(['header at 200', 'unread at 1275']);
  });

  test('a peer is reported late only once, though it is late with something else as well', () => {
    const late = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 50, partialHead: 50 });
      at(1_000, { inBody: true, partialHead: 0 });
    };
    expect(expired(late)).toEqual(['header at 200']);
  });

  test('a peer does not get more time for a header or a body by our falling silent now and then', () => {
    // We read for 50 ms, and for the next 50 ms we do not.
    const halting =
      (begun: Partial<ConnectionProgress>) =>
      (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
        at(0, begun);
        for (let n = 0; n < 40; n++) at(n * 50 + 10, { listening: n % 2 === 0 });
      };
    expect(expired(halting({ received: 50, partialHead: 50 }), 1_000)).toEqual(['header at 350']);
    expect(expired(halting({ received: 50, inBody: true }), 1_000)).toEqual(['body at 150']);
  });

  test('a peer that asks for nothing more is let go after a while, counted from the last it was heard', () => {
    const idle = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 50 });
      at(600, { received: 60 });
    };
    expect(expired(idle)).toEqual(['idle at 1600']);
  });

  test('a peer that only listens is not idle while it is sent something now and then', () => {
    const listening = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 1 });
      for (let n = 1; n <= 5; n++) at(n * 600, { writes: n });
    };
    expect(expired(listening)).toEqual(['idle at 4000']);
  });

  test('a peer that waits for an answer is not idle', () => {
    const waiting = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 50, open: 1 });
      at(3_000, { open: 0 });
    };
    expect(expired(waiting)).toEqual(['idle at 4000']);
  });

  test('a peer that takes nothing of the replies is dropped, and one that takes some of them is not', () => {
    const deaf = (at: (ms: number, change: Partial<ConnectionProgress>) => void) =>
      at(0, { received: 50, writing: true });
    expect(expired(deaf)).toEqual(['unread at 300']);
    const slow = (at: (ms: number, change: Partial<ConnectionProgress>) => void) => {
      at(0, { received: 50, writing: true });
      for (let n = 1; n < 20; n++) at(n * 200, { writes: n });
    };
    expect(expired(slow, 4_000)).toEqual([]);
  });
});

test('time in which this process stood still counts for nothing', () => {
  let now = 0;
  let tick: (this: { schedule: () => void }) => void = () => {};
  const scheduler = {
    now: () => now,
    schedule: (work: typeof tick) => {
      tick = work;
      return new Subscription();
    },
  } as unknown as SchedulerLike;
  const expired: string[] = [];
  const clock = createTimeoutMonitor(deadlines, scheduler);
  const stop = clock.monitor(
    () => nothing,
    (which) => expired.push(which),
  );
  const tickAt = (ms: number) => {
    now = ms;
    tick.call({ schedule: () => {} });
  };
  tickAt(25);
  tickAt(5_000);
  tickAt(5_025);
  expect(expired).toEqual([]);
  for (let ms = 5_050; ms < 5_500; ms += 25) if (expired.length === 0) tickAt(ms);
  expect(expired).toEqual(['firstBytes']);
  stop();
});

test('the error of a timeout says what the server waited for, and how long', () => {
  expect(timedOut('header', defaultLimits.timeouts)).toEqual({
    code: 'timed-out',
    message: 'the server has waited long enough: the rest of a header has not come within 30 s',
    deadline: 'header',
    ms: 30_000,
  });
});

test('a monitor that watches no connection costs no timer', () => {
  const scheduler = new TestScheduler(() => {});
  const clock = createTimeoutMonitor(deadlines, scheduler);
  const stops = [1, 2].map(() =>
    clock.monitor(
      () => nothing,
      () => {},
    ),
  );
  for (const stop of stops) stop();
  expect(scheduler.actions.filter(({ closed }) => !closed)).toEqual([]);
});

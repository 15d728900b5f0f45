/** In virtual time: work takes as long as the test says, and the event loop goes round when the test says. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { createHeap } from '../../../src/actor/bounds/heap.ts';
import { createRounds, ROUND_MS } from '../../../src/actor/bounds/rounds.ts';

function eventLoop() {
  let time = 0;
  let due: (() => void)[] = [];
  const rounds = createRounds(
    () => time,
    (work) => due.push(work),
  );
  return {
    rounds,
    time: () => time,
    pass: (ms: number) => {
      time += ms;
    },
    /** What is due now is done; what it asks for is due in the next turn. */
    turn: () => {
      const now = due;
      due = [];
      for (const work of now) work();
    },
    idle: () => due.length === 0,
  };
}

type Loop = ReturnType<typeof eventLoop>;

/** A member that has `pieces` of work of `ms` each, and keeps a count of what was done. */
function worker(loop: Loop, ms: number, pieces: number) {
  const it = { left: pieces, done: 0, waits: false, wake: () => {}, leave: () => {} };
  const member = loop.rounds.join(
    () => {
      loop.pass(ms);
      it.left--;
      it.done++;
      return it.left > 0;
    },
    (waits) => {
      expect(waits).not.toBe(it.waits);
      it.waits = waits;
    },
  );
  return Object.assign(it, { wake: () => member.wake(), leave: () => member.leave() });
}

describe('a round', () => {
  test('a round does at once what is asked for while it has time', () => {
    const loop = eventLoop();
    const one = worker(loop, ROUND_MS / 4, 2);
    one.wake();
    expect(one).toMatchObject({ done: 2, waits: false });
  });

  test('a round asks nothing of the event loop while it has time, since that would cost more than a small piece', () => {
    const loop = eventLoop();
    const one = worker(loop, ROUND_MS / 4, 1);
    one.wake();
    expect(loop.idle()).toBe(true);
  });

  test('a round that lasts over several turns of the event loop has no more time than one that does not', () => {
    const loop = eventLoop();
    const one = worker(loop, ROUND_MS / 2, 0);
    for (let i = 0; i < 2; i++) {
      one.left = 1;
      one.wake();
      loop.turn();
    }
    one.left = 1;
    one.wake();
    expect(one).toMatchObject({ done: 2, waits: true });
    loop.turn();
    expect(one).toMatchObject({ done: 3, waits: false });
  });

  test('a round that is broken off by what a member throws is not the last one, for that member neither', () => {
    const loop = eventLoop();
    let throws = true;
    let done = 0;
    const faulty = loop.rounds.join(
      () => {
        if (throws) throw new Error('thrown by a member');
        done++;
        return false;
      },
      () => {},
    );
    const first = worker(loop, ROUND_MS + 1, 1);
    const last = worker(loop, 1, 1);
    first.wake();
    faulty.wake();
    last.wake();
    expect(() => loop.turn()).toThrow('thrown by a member');
    loop.turn();
    expect(last.done).toBe(1);
    throws = false;
    faulty.wake();
    loop.turn();
    expect(done).toBe(1);
  });

  test('a round takes no longer than its time and one piece, however many have work', () => {
    const loop = eventLoop();
    const many = Array.from({ length: 256 }, () => worker(loop, 3, 100));
    for (const one of many) one.wake();
    for (let i = 0; i < 50; i++) {
      const before = loop.time();
      loop.turn();
      expect(loop.time() - before).toBeLessThanOrEqual(ROUND_MS + 3);
    }
  });

  test('a round serves a newcomer first, whatever the others have piled up', () => {
    const loop = eventLoop();
    const busy = Array.from({ length: 256 }, () => worker(loop, 3, 1000));
    for (const one of busy) one.wake();
    for (let i = 0; i < 300; i++) loop.turn();
    const newcomer = worker(loop, 0.1, 1);
    newcomer.wake();
    expect(newcomer).toMatchObject({ done: 0, waits: true });
    loop.turn();
    expect(newcomer).toMatchObject({ done: 1, waits: false });
  });

  test('a round serves a newcomer in the second turn at the latest, though all others have waited too long', () => {
    const loop = eventLoop();
    const all = Array.from({ length: 300 }, () => worker(loop, ROUND_MS, 1e6));
    for (const one of all) one.wake();
    for (let turn = 0; turn < 400; turn++) loop.turn();
    const late = worker(loop, 1, 1);
    late.wake();
    loop.turn();
    loop.turn();
    expect(late.done).toBe(1);
  });

  test('a round gives a newcomer no more than the others from then on, however much they have had before', () => {
    const loop = eventLoop();
    const old = worker(loop, 1, 1e6);
    const other = worker(loop, 1, 1e6);
    for (const one of [old, other]) one.wake();
    for (let turn = 0; turn < 200; turn++) loop.turn();
    const late = worker(loop, 1, 1e6);
    const before = old.done;
    late.wake();
    for (let turn = 0; turn < 50; turn++) loop.turn();
    // A round that it has saved up, and a piece.
    expect(late.done - (old.done - before)).toBeLessThanOrEqual(ROUND_MS + 1);
  });

  test('a round serves one that asks for little as soon as it asks, beside any number that never stop', () => {
    const loop = eventLoop();
    const busy = Array.from({ length: 64 }, () => worker(loop, 3, 1e9));
    for (const one of busy) one.wake();
    for (let i = 0; i < 64; i++) loop.turn();
    const light = worker(loop, 0.01, 0);
    for (let i = 0; i < 200; i++) {
      light.left = 1;
      light.wake();
      loop.turn();
      loop.turn();
      expect(light.done).toBe(i + 1);
    }
  });

  test('a round is not lengthened by one that falls silent and comes back at once', () => {
    const loop = eventLoop();
    // Each has just one piece, and the next one comes as soon as it is done: it never has more.
    const pushy = Array.from({ length: 64 }, () => worker(loop, 3, 1));
    const steady = worker(loop, 3, 1e9);
    steady.wake();
    for (let i = 0; i < 640; i++) {
      for (const one of pushy) {
        if (one.left > 0) continue;
        one.left = 1;
        one.wake();
      }
      if (i === 0) for (const one of pushy) one.wake();
      loop.turn();
    }
    const most = Math.max(...pushy.map(({ done }) => done));
    expect(steady.done).toBeGreaterThanOrEqual(most - 2);
  });

  test('a round is not taken from those who wait by any number that come anew', () => {
    const loop = eventLoop();
    const waiting = Array.from({ length: 8 }, () => worker(loop, 3, 10));
    for (const one of waiting) one.wake();
    for (let i = 0; i < 1500; i++) {
      worker(loop, ROUND_MS, 1).wake();
      loop.turn();
    }
    for (const one of waiting) expect(one.done).toBe(10);
  });

  test('a round does not run one that has left', () => {
    const loop = eventLoop();
    const busy = worker(loop, 10, 2);
    busy.wake();
    const one = worker(loop, 1, 1);
    one.wake();
    one.leave();
    busy.leave();
    loop.turn();
    expect([one.done, busy.done]).toEqual([0, 1]);
  });
});

property.prop([
  fc.array(
    fc.record({ ms: fc.double({ min: 0, max: 6, noNaN: true }), pieces: fc.integer({ min: 1, max: 20 }) }),
    {
      minLength: 1,
      maxLength: 20,
    },
  ),
])(
  'all work is done in the end, and the shares of those who still have some differ by a round and two pieces at most',
  (loads) => {
    const loop = eventLoop();
    const workers = loads.map(({ ms, pieces }) => ({ ms, worker: worker(loop, ms, pieces) }));
    for (const { worker } of workers) worker.wake();
    while (!loop.idle()) {
      loop.turn();
      const unfinished = workers.filter(({ worker }) => worker.left > 0);
      for (const { worker } of unfinished) expect(worker.waits).toBe(true);
      const service = unfinished.map(({ ms, worker }) => worker.done * ms);
      if (service.length > 0)
        expect(Math.max(...service) - Math.min(...service)).toBeLessThanOrEqual(ROUND_MS + 2 * 6 + 1e-6);
    }
    for (const { worker } of workers) expect(worker).toMatchObject({ left: 0, waits: false });
  },
);

property.prop([fc.array(fc.option(fc.integer(), { nil: undefined }))])(
  'a heap gives out the least of what is in it',
  (steps) => {
    const heap = createHeap<number>((a, b) => a < b);
    const model: number[] = [];
    for (const item of steps) {
      if (item === undefined) {
        model.sort((a, b) => a - b);
        expect(heap.pop()).toBe(model.shift());
      } else {
        heap.push(item);
        model.push(item);
      }
      expect(heap.size()).toBe(model.length);
    }
  },
);

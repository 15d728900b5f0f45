/**
 * In virtual time: whatever peers do, whatever a store answers, and however a connection ends, nothing of it is left: no
 * credit, no place, no open file, and nothing that is waited for.
 */
import { fc, test as property } from '@fast-check/vitest';
import { type Observable, Subject } from 'rxjs';
import { P } from 'ts-pattern';
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { createRounds } from '../../../src/actor/bounds/rounds.ts';
import { createSlots } from '../../../src/actor/bounds/slots.ts';
import { createTimeoutMonitor } from '../../../src/actor/bounds/timeouts.ts';
import { type ServeConnectionOptions, serveConnection } from '../../../src/files/effects/serve-connection.ts';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import { acknowledge } from '../../../src/files/session/answers.ts';
import { defineCommand } from '../../../src/files/session/command.ts';
import { commands as builtIn, requestFraming } from '../../../src/files/session/dispatch.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import type { FileStore, MaybeAsync, Outcome, Sink, Source } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { frame, putFrame } from '../../support/network/peer.ts';
import { cases } from '../../support/random/cases.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const RUNS = cases(100);
const LARGE = 600_000;

/** How a store answers: at once or later; and whether it does what it is asked, refuses it, throws or rejects. */
type Mood = { readonly delay: number | null; readonly how: 'does' | 'refuses' | 'throws' };

/** A store of such moods, in turns. It counts what is open, and tells when it is used against its contract. */
function moody(store: FileStore, moods: readonly Mood[]) {
  const misuse: string[] = [];
  const open = { sources: 0, sinks: 0 };
  let calls = 0;

  function answered<T>(does: () => MaybeAsync<T>): MaybeAsync<T> {
    const { delay, how } = moods[calls++ % moods.length]!;
    const now = (): MaybeAsync<T> => {
      if (how === 'throws') throw new Error('thrown by the store');
      return how === 'refuses' ? { ok: false, error: serviceFault('io-error') } : does();
    };
    if (delay === null) return now();
    return new Promise((resolve) => setTimeout(resolve, delay)).then(now);
  }

  const after = <T, U>(answer: MaybeAsync<T>, then: (outcome: Outcome<T>) => U): U | Promise<U> =>
    answer instanceof Promise ? answer.then(then) : then(answer);

  function sinkOf(sink: Sink): Sink & { readonly taken: () => void } {
    open.sinks++;
    let state: 'idle' | 'busy' | 'over' = 'idle';
    const end = () => {
      if (state !== 'over') open.sinks--;
      state = 'over';
    };
    /** What fails has cleaned up. */
    const call = <T>(what: string, last: boolean, does: () => MaybeAsync<T>): MaybeAsync<T> => {
      if (state !== 'idle') misuse.push(`${what} while ${state}`);
      state = 'busy';
      const failed = (thrown: unknown): never => {
        void sink.abort();
        end();
        throw thrown;
      };
      const told = (outcome: Outcome<T>): Outcome<T> => {
        if (!outcome.ok) void sink.abort();
        if (last || !outcome.ok) end();
        else if (state === 'busy') state = 'idle';
        return outcome;
      };
      try {
        const answer = answered(does);
        return answer instanceof Promise ? answer.then(told, failed) : told(answer);
      } catch (thrown) {
        return failed(thrown);
      }
    };
    return {
      write: (chunks) => call('write', false, () => sink.write(chunks)),
      sync: () => call('sync', false, () => sink.sync()),
      commit: () => call('commit', true, () => sink.commit()),
      abort: async () => {
        if (state !== 'idle') misuse.push(`abort while ${state}`);
        end();
        await sink.abort();
        await answered(() => ({ ok: true, value: undefined }));
      },
      taken: end,
    };
  }

  function sourceOf(source: Source): Source {
    open.sources++;
    let closed = false;
    return {
      ...source,
      read: (offset, length) => {
        if (closed) misuse.push('read after close');
        return answered(() => source.read(offset, length));
      },
      close: () => {
        if (closed) misuse.push('closed twice');
        closed = true;
        open.sources--;
        const closing = answered(() => ({ ok: true, value: undefined }));
        return closing instanceof Promise ? closing.then(() => {}) : undefined;
      },
    };
  }

  const asked: FileStore = {
    ...store,
    put: (name, options) =>
      answered(() => {
        let mine: ReturnType<typeof sinkOf> | null = null;
        const taken = () => {
          mine?.taken();
          options.taken?.();
        };
        const begun = store.put(name, options.upload === undefined ? options : { ...options, taken });
        return after(begun, (outcome) => {
          if (!outcome.ok) return outcome;
          mine = sinkOf(outcome.value);
          return { ok: true as const, value: mine };
        });
      }),
    open: (name) =>
      answered(() =>
        after(store.open(name), (outcome) =>
          outcome.ok ? { ok: true as const, value: sourceOf(outcome.value) } : outcome,
        ),
      ),
    resume: (upload) => answered(() => store.resume(upload)),
    cancel: (upload) => answered(() => store.cancel(upload)),
    stat: (name) => answered(() => store.stat(name)),
    list: (options) => answered(() => store.list(options)),
    remove: (name) => answered(() => store.remove(name)),
    rename: (from, to, options) => answered(() => store.rename(from, to, options)),
  };
  return { store: asked, misuse, open };
}

/** Asks for something of its own, and may break when it hears of it. */
const custom = defineCommand({
  pattern: { cmd: 'custom', filename: P.string, bad: P.optional(P.boolean) },
  touches: { filename: 'read' },
  needsFile: true,
  start: ({ filename, bad }) => ({ state: bad, effects: [{ type: 'open', name: filename }] }),
  on: (bad: boolean | undefined, event) => {
    if (event.type === 'end' && bad) throw new Error('thrown by a command');
    return event.type === 'result' ? acknowledge(bad) : { state: bad };
  },
});
const called = defineCommand({
  pattern: { cmd: 'called' },
  touches: {},
  rights: ['read'],
  readOnly: true,
  start: () => ({ state: null, effects: [{ type: 'custom', call: 'it', with: null }] }),
  on: (_: null, event) => (event.type === 'result' ? acknowledge(null) : { state: null }),
});

const requests = {
  put: (n: number) => putFrame(`f${n % 5}`, new Uint8Array(n * 37)),
  'put with an id': (n: number) => putFrame(`f${n % 5}`, new Uint8Array(n * 700), { id: n, progress: 1 }),
  'put with a long header': (n: number) => putFrame(`f${n % 5}`, 'hello', { pad: 'x'.repeat(n * 600) }),
  'put of an upload': (n: number) => putFrame(`u${n % 3}`, new Uint8Array(n * 300), { upload: `u${n % 2}` }),
  'put that is refused': () =>
    frame({ cmd: 'put', filename: '../x', filesize: 1_000 }, new Uint8Array(1_000)),
  'half a put': (n: number) => putFrame(`h${n}`, new Uint8Array(9_000)).subarray(0, 40 + n * 50),
  'half a put of an upload': (n: number) =>
    putFrame(`h${n}`, new Uint8Array(9_000), { upload: `u${n % 2}` }).subarray(0, 80 + n * 50),
  get: () => frame({ cmd: 'get', filename: 'large' }),
  gets: (n: number) =>
    Buffer.concat(Array.from({ length: n }, () => frame({ cmd: 'get', filename: 'large' }))),
  'get of nothing': (n: number) => frame({ cmd: 'get', filename: `none${n}` }),
  'gets of what is put': (n: number) => frame({ cmd: 'get', filename: `f${n % 5}` }),
  lists: (n: number) => Buffer.concat(Array.from({ length: n }, () => frame({ cmd: 'list' }))),
  stat: () => frame({ cmd: 'stat', filename: 'large', id: 'x' }),
  resume: (n: number) => frame({ cmd: 'resume', upload: `u${n % 2}` }),
  cancel: (n: number) => frame({ cmd: 'cancel', upload: `u${n % 2}` }),
  delete: (n: number) => frame({ cmd: 'delete', filename: `f${n % 5}` }),
  rename: (n: number) => frame({ cmd: 'rename', filename: `f${n % 5}`, to: `f${(n + 1) % 5}` }),
  hello: () => frame({ cmd: 'hello', token: 'wrong' }),
  'hello of nobody': () => frame({ cmd: 'hello' }),
  unknown: (n: number) => frame({ cmd: 'x'.repeat(n * 100), filesize: n }, new Uint8Array(n)),
  custom: () => frame({ cmd: 'custom', filename: 'large' }),
  'custom that throws': () => frame({ cmd: 'custom', filename: 'large', bad: true }),
  called: () => frame({ cmd: 'called' }),
  garbage: () => Buffer.from('GET / HTTP/1.1\r\n\r\n'),
} as const;

const request = fc.tuple(
  fc.constantFrom(...(Object.keys(requests) as (keyof typeof requests)[])),
  fc.integer({ min: 1, max: 100 }),
);
const act = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ type: fc.constant('send' as const), request, cut: fc.nat({ max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('pause' as const, 'resume' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom('end' as const, 'destroy' as const, 'unsubscribe' as const),
    }),
  },
);
const conversation = fc.array(fc.tuple(act, fc.oneof(fc.constant(0), fc.nat({ max: 400 }))), {
  maxLength: 14,
});
const mood: fc.Arbitrary<Mood> = fc.record({
  delay: fc.oneof(fc.constant(null), fc.nat({ max: 300 })),
  how: fc.oneof(
    { weight: 12, arbitrary: fc.constant('does' as const) },
    { weight: 1, arbitrary: fc.constantFrom('refuses' as const, 'throws' as const) },
  ),
});

const tight = {
  high: 40_000,
  busy: [0] as number[],
  heads: 1,
  files: 0,
  openRequests: 1,
  drains: null,
  stopsAtReport: null,
  wait: 0,
  last: 'end',
} as const;

property.prop(
  [
    fc.array(conversation, { minLength: 1, maxLength: 5 }),
    fc.array(mood, { minLength: 1, maxLength: 12 }),
    fc.record({
      high: fc.oneof(fc.integer({ min: 40_000, max: 400_000 }), fc.constant(4_000_000)),
      /** Milliseconds that pass between two looks at the clock, in turns. */
      busy: fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 5 })), { minLength: 1, maxLength: 8 }),
      heads: fc.integer({ min: 1, max: 2 }),
      files: fc.nat({ max: 2 }),
      openRequests: fc.integer({ min: 1, max: 20 }),
      drains: fc.option(fc.nat({ max: 3_000 })),
      stopsAtReport: fc.option(fc.nat({ max: 5 })),
      wait: fc.constantFrom(0, 100, 10_000),
      last: fc.constantFrom('end' as const, 'destroy' as const, 'unsubscribe' as const),
    }),
  ],
  {
    numRuns: RUNS,
    examples: [
      // The second put gets the place of the first, and fails at once.
      [
        [
          [
            [{ type: 'send', request: ['put', 2], cut: 0 }, 0],
            [{ type: 'send', request: ['put', 1], cut: 0 }, 0],
          ],
        ],
        [
          { delay: 0, how: 'does' },
          { delay: null, how: 'does' },
          { delay: null, how: 'does' },
          { delay: null, how: 'refuses' },
        ],
        { ...tight, openRequests: 2, stopsAtReport: 0 },
      ],
      // What the peer has not read is behind what it is late with.
      [
        [
          [
            [{ type: 'send', request: ['get', 1], cut: 0 }, 0],
            [{ type: 'pause' }, 0],
            [{ type: 'send', request: ['half a put', 1], cut: 0 }, 0],
          ],
        ],
        [{ delay: 0, how: 'does' }],
        { ...tight, openRequests: 2 },
      ],
      // Both pieces of the file are the system's before it is this connection's turn.
      [
        [
          [
            [{ type: 'send', request: ['put', 1], cut: 0 }, 0],
            [{ type: 'send', request: ['get', 1], cut: 0 }, 0],
          ],
          [[{ type: 'send', request: ['put', 1], cut: 0 }, 0]],
        ],
        [{ delay: null, how: 'does' }],
        { ...tight, high: 4_000_000, busy: [2, 0, 0, 0] },
      ],
      // More than is reduced in one turn.
      [
        [[[{ type: 'send', request: ['lists', 100], cut: 0 }, 0]]],
        [{ delay: null, how: 'does' }],
        { ...tight, stopsAtReport: 0 },
      ],
    ],
  },
)(
  'once all connections are over, no credit, place, file or wait of theirs is left',
  async (conversations, moods, how) => {
    const files = memoryStore();
    const large = await files.put('large', { size: LARGE });
    if (large.ok) await large.value.write([new Uint8Array(LARGE)]);
    if (large.ok) await large.value.commit();
    const { store, misuse, open } = moody(files, moods);
    const commands = [...builtIn, custom, called];
    const shutdown$ = new Subject<void>();
    let [time, looks] = [0, 0];
    const slots = {
      heads: createSlots({ shared: how.heads, perHolder: 0 }),
      reading: createSlots({ shared: how.files, perHolder: 1 }),
      writing: createSlots({ shared: how.files, perHolder: 1 }),
    };
    const timeouts = {
      ...defaultLimits.timeouts,
      firstBytes: 5_000,
      header: 5_000,
      body: 5_000,
      unread: 9_000,
    };
    const shared: ServeConnectionOptions = {
      session: createSession(commands, { openRequests: how.openRequests }),
      framing: requestFraming(commands),
      store,
      budget: createBudget({ high: how.high, low: how.high / 2 }),
      slots,
      rounds: createRounds(() => {
        time += how.busy[looks++ % how.busy.length]!;
        return time;
      }, setImmediate),
      timeoutMonitor: createTimeoutMonitor(timeouts),
      limits: { ...defaultLimits, timeouts, window: { high: 60_000, low: 30_000 } },
      access: {
        initial: () => ({ name: '', rights: ['read', 'write', 'delete'], prefix: '' }) as const,
        byToken: () => null,
        current: () => null,
        changed$: new Subject<void>() as Observable<unknown>,
      },
      tries: { takeTurn: () => how.wait, wrong: () => {} },
      customHandlers: { it: () => new Promise<never>((_, reject) => setTimeout(reject, 100)) },
      shutdown$,
    };
    let completed = 0;
    let stopped = 0;
    const peers = conversations.map(() => {
      const [theirs, ours] = memoryPair();
      theirs.chunks$.subscribe({ error: () => {} });
      let reports = 0;
      let isOver = false;
      const stop = () => {
        if (!isOver) stopped++;
        isOver = true;
        subscription.unsubscribe();
      };
      const subscription = serveConnection(ours, shared).subscribe({
        next: () => {
          if (reports++ === how.stopsAtReport) stop();
        },
        complete: () => {
          completed++;
          isOver = true;
        },
      });
      return { theirs, stop };
    });
    if (how.drains !== null) setTimeout(() => shutdown$.next(), how.drains);
    const finish = ({ theirs, stop }: (typeof peers)[number], by: 'end' | 'destroy' | 'unsubscribe') => {
      if (by === 'end') theirs.end();
      else if (by === 'destroy') theirs.destroy();
      else stop();
    };
    const talks = conversations.map(async (acts, who) => {
      const it = peers[who]!;
      for (const [act, ms] of acts) {
        if (act.type === 'send') {
          const bytes = requests[act.request[0]](act.request[1]);
          const each = Math.ceil(bytes.length / (act.cut + 1));
          for (let at = 0; at < bytes.length; at += each)
            it.theirs.write([bytes.subarray(at, at + each)], () => {});
        } else if (act.type === 'pause') it.theirs.pause();
        else if (act.type === 'resume') it.theirs.resume();
        else finish(it, act.type);
        if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      }
    });
    await vi.advanceTimersByTimeAsync(20_000);
    await Promise.all(talks);
    for (const it of peers) finish(it, how.last);
    // As long as the slowest store needs for all that can be asked of it.
    await vi.advanceTimersByTimeAsync(900_000);
    expect({
      unsettled: shared.budget.unsettled(),
      slots: Object.values(slots).map((each) => each.taken()),
      over: completed + stopped,
      open,
      misuse,
    }).toEqual({
      unsettled: 0,
      slots: [0, 0, 0],
      over: peers.length,
      open: { sources: 0, sinks: 0 },
      misuse: [],
    });
  },
  600_000,
);

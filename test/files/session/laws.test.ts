/**
 * What holds for every conversation there can be: random frames, failing or succeeding effects in any order, and an
 * end at any moment.
 */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { anonymous } from '../../../src/files/protocol/access.ts';
import { serviceFault } from '../../../src/files/protocol/errors.ts';
import { isRefusal } from '../../../src/files/protocol/reply.ts';
import { commands } from '../../../src/files/session/dispatch.ts';
import type { CommandEffect, Effect } from '../../../src/files/session/effect.ts';
import type { EffectResult, SessionEvent } from '../../../src/files/session/event.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { costOf, initialSession, type SessionState } from '../../../src/files/session/state.ts';
import { cases } from '../../support/random/cases.ts';
import { bodyEnd, data, request } from '../../support/sessions/session-events.ts';

const name = fc.constantFrom('a', 'b', 'c', 'a/x', '../no');
const frame = fc.oneof(
  fc.record({
    cmd: fc.constant('put'),
    filename: name,
    pieces: fc.array(fc.nat({ max: 9 }), { maxLength: 4 }),
    upload: fc.constantFrom(undefined, 'u', 'v'),
    progress: fc.constantFrom(undefined, 1, 5),
  }),
  fc.record({ cmd: fc.constantFrom('resume', 'cancel'), upload: fc.constantFrom('u', 'v', '/') }),
  fc.record({ cmd: fc.constant('hello'), token: fc.constantFrom('good', 'bad') }),
  fc.record({ cmd: fc.constantFrom('get', 'stat', 'delete', 'ping', 'list', 'fly'), filename: name }),
  fc.record({ cmd: fc.constant('rename'), filename: name, to: name }),
);
/** What the world does between two frames: how many effects settle, which first, and whether well. */
const turn = fc.record({ settle: fc.nat({ max: 3 }), pick: fc.nat(), fails: fc.boolean() });
const last = fc.constantFrom<SessionEvent>(
  { type: 'ended' },
  { type: 'closed' },
  { type: 'shutdown' },
  { type: 'fault', error: serviceFault('bad-header') },
);

interface Ask {
  readonly request: number;
  readonly effect: CommandEffect | { readonly type: 'send' };
}

function successOf({ effect }: Ask): EffectResult {
  const file = { name: 'name' in effect ? effect.name : '?', size: 3, mtime: 1 };
  switch (effect.type) {
    case 'commit':
      return { of: 'commit', ok: true, value: { ...file, crc32: 1, durable: true } };
    case 'open':
      return { of: 'open', ok: true, value: file };
    case 'stat':
      return { of: 'stat', ok: true, value: file };
    case 'list':
      return { of: 'list', ok: true, value: { files: [] } };
    case 'remove':
      return { of: 'remove', ok: true, value: { size: file.size } };
    case 'rename':
      return { of: 'rename', ok: true, value: file };
    case 'sync':
      return { of: 'sync', ok: true, value: { offset: 1, crc32: 1 } };
    case 'resume':
      return { of: 'resume', ok: true, value: { offset: 1, crc32: 1 } };
    case 'cancel':
      return { of: 'cancel', ok: true, value: undefined };
    case 'hello':
      return { of: 'hello', ok: true, value: { principal: anonymous, about: {} } };
    default:
      return { of: 'send', ok: true, value: 3 };
  }
}

const awaited = new Set([
  ...['sync', 'commit', 'resume', 'cancel', 'hello', 'open', 'stat', 'list', 'remove', 'rename', 'send'],
]);

/** The world around a session, as the runtime is one: performs in any order, never talks of an aborted put. */
function world(openRequests: number) {
  const session = createSession(commands, { openRequests });
  const pending: Ask[] = [];
  const inbox: SessionEvent[] = [];
  const effects: Effect[] = [];
  const answered: (string | number)[] = [];
  const committed = new Set<number>();
  const commits = new Map<number, boolean>();
  const failedPuts = new Set<number>();
  let state: SessionState = initialSession;
  let widest = 0;
  let turnedAway = false;

  function reduce(event: SessionEvent): void {
    const [next, out] = session.reduce(state, event);
    state = next;
    widest = Math.max(widest, state.requests.length);
    for (const effect of out) perform(effect);
    effects.push(...out);
  }

  function perform(effect: Effect): void {
    if (effect.type === 'drop') {
      const kept = pending.filter(({ request }) => request !== effect.request);
      pending.splice(0, pending.length, ...kept);
    }
    if (effect.type === 'send') pending.push({ request: effect.request, effect: { type: 'send' } });
    if (effect.type === 'reply') {
      const { reply } = effect;
      const isProgress = 'ack' in reply && reply.ack === 'progress';
      if (reply.id !== undefined && !isProgress) answered.push(reply.id);
      if (!isRefusal(reply) && reply.ack === 'put') expect(committed.has(Number(reply.id))).toBe(true);
    }
    if (effect.type !== 'command') return;
    const { request: number, effect: what } = effect;
    // Once a put is to be committed, the commit says what a sync would have.
    if (what.type === 'commit') dropSyncs(number);
    if (what.type === 'abort') commits.set(number, false);
    if (what.type === 'commit') expect(commits.has(number)).toBe(false);
    if (awaited.has(what.type) && !failedPuts.has(number)) pending.push({ request: number, effect: what });
  }

  function dropSyncs(number: number): void {
    const at = pending.findIndex(({ request, effect }) => request === number && effect.type === 'sync');
    if (at >= 0) pending.splice(at, 1);
    if (at >= 0) dropSyncs(number);
  }

  function settle(pick: number, fails: boolean): void {
    const [ask] = pending.splice(pick % Math.max(pending.length, 1), 1);
    if (ask === undefined) return;
    const good = successOf(ask);
    if (!fails && ask.effect.type === 'commit') committed.add(ask.request);
    const error = serviceFault(good.of === 'hello' ? 'bad-token' : 'io-error');
    const outcome: EffectResult = fails && good.of !== 'send' ? { of: good.of, ok: false, error } : good;
    if (!outcome.ok && outcome.of === 'hello') turnedAway = true;
    if (!outcome.ok && outcome.of === 'sync') {
      const at = pending.findIndex((each) => each.request === ask.request && each.effect.type === 'commit');
      if (at >= 0) pending.splice(at, 1);
      dropSyncs(ask.request);
      failedPuts.add(ask.request);
    }
    // A page of names costs something by itself.
    const credit = ask.effect.type === 'list' ? { credit: 7 } : {};
    reduce({ type: 'result', request: ask.request, result: outcome, ...credit });
    pump();
  }

  function pump(): void {
    while (inbox.length > 0 && session.accepts(state)) reduce(inbox.shift()!);
  }

  return {
    give: (event: SessionEvent) => {
      inbox.push(event);
      pump();
    },
    now: reduce,
    settle,
    failWriteOf: (number: number) => {
      failedPuts.add(number);
      const at = pending.findIndex((ask) => ask.request === number && ask.effect.type === 'commit');
      if (at >= 0) pending.splice(at, 1);
      reduce({
        type: 'result',
        request: number,
        result: { of: 'write', ok: false, error: serviceFault('disk-full') },
      });
      pump();
    },
    settleAll: () => {
      while (pending.length > 0) settle(0, false);
    },
    state: () => state,
    facts: () => ({ cost: costOf(state), answered, effects, widest, left: inbox.length, turnedAway }),
  };
}

/** What nobody would learn of: an answer, or what is only asked to be answered. */
const isInVain = (effect: Effect): boolean =>
  effect.type === 'reply' ||
  effect.type === 'send' ||
  (effect.type === 'command' && ['open', 'stat', 'list', 'resume'].includes(effect.effect.type));

test.prop(
  [
    fc.array(fc.tuple(frame, turn), { maxLength: 20 }),
    last,
    fc.integer({ min: 1, max: 4 }),
    fc.boolean(),
    fc.option(fc.nat({ max: 20 })),
  ],
  {
    numRuns: cases(500),
  },
)(
  'no put is acknowledged that was not committed, answers keep their order, and every credit is settled once',
  (frames, end, openRequests, breaks, lostAt) => {
    const it = world(openRequests);
    let before = 0;
    frames.forEach(([{ cmd, ...fields }, { settle, pick, fails }], i) => {
      if (i === lostAt) {
        before = it.facts().effects.length;
        it.now({ type: 'unreachable' });
      }
      // The number of the request is its id: the session counts the same way.
      const pieces = 'pieces' in fields ? (fields.pieces as number[]) : [];
      const size = pieces.reduce((a, b) => a + b, 0);
      const { pieces: _, ...header } = fields as Record<string, unknown>;
      it.give(request({ cmd, id: i + 1, ...header, ...(cmd === 'put' ? { filesize: size } : {}) }, size));
      for (const piece of pieces) if (piece > 0) it.give(data('x'.repeat(piece)));
      if (breaks && fails && cmd === 'put' && it.state().requests.at(-1)?.number === i + 1) {
        const open = it.state().requests.at(-1)!;
        if (open.receiving && !open.done) it.failWriteOf(i + 1);
      }
      it.give(bodyEnd);
      for (let n = 0; n < settle; n++) it.settle(pick, fails);
    });
    if (end.type === 'closed' || end.type === 'shutdown') it.now(end);
    else it.give(end);
    it.settleAll();
    if (end.type !== 'closed') it.now({ type: 'closed' });

    const { cost, answered, effects, widest, left, turnedAway } = it.facts();
    if (before > 0) expect(effects.slice(before).filter(isInVain)).toEqual([]);
    const isLost = lostAt !== null && lostAt < frames.length;
    expect(left).toBe(end.type === 'closed' ? left : 0);
    // What was never handed to the session has cost nothing here; what was has been settled to the last byte.
    expect(cost).toBe(0);
    expect(answered).toEqual([...answered].sort((a, b) => Number(a) - Number(b)));
    expect(new Set(answered).size).toBe(answered.length);
    if (end.type === 'ended' && !turnedAway && !isLost) expect(answered).toHaveLength(frames.length);
    // One more than the limit, for the fault that is answered as a request is.
    expect(widest).toBeLessThanOrEqual(openRequests + 1);
    expect(it.state().requests).toEqual([]);
    expect(it.state().deferred).toBeNull();
  },
);

test.prop(
  [
    fc.array(fc.tuple(frame, turn), { maxLength: 12 }),
    fc.record({ filename: name, fails: fc.boolean(), drains: fc.boolean(), pieces: fc.nat({ max: 2 }) }),
    fc.array(fc.constantFrom('truncated', 'timed-out', 'bad-header' as const), {
      minLength: 1,
      maxLength: 2,
    }),
  ],
  { numRuns: cases(250) },
)(
  'a request is refused or served once, however its connection ends, and the end of a body is no request of its own',
  (frames, cut, faults) => {
    const it = world(3);
    for (const [i, [fields, { settle, pick, fails }]] of frames.entries()) {
      it.give(request({ to: 'z', ...fields, id: i + 1, filesize: 0 }));
      it.give(bodyEnd);
      for (let n = 0; n < settle; n++) it.settle(pick, fails);
    }
    if (cut.drains) it.now({ type: 'shutdown' });
    const number = it.state().next;
    it.give(request({ cmd: 'put', filename: cut.filename, filesize: 9, id: number }, 9));
    const open = it.state().requests.at(-1);
    if (cut.fails && open?.number === number && open.receiving && !open.done) it.failWriteOf(number);
    for (let n = 0; n < cut.pieces; n++) it.give(data('xyz'));
    for (const code of faults) it.give({ type: 'fault', error: serviceFault(code) });
    it.settleAll();
    const reported = it
      .facts()
      .effects.flatMap((effect) =>
        effect.type === 'command' && effect.effect.type === 'report' && effect.effect.report.type !== 'stored'
          ? [effect.request]
          : [],
      );
    expect(new Set(reported).size).toBe(reported.length);
    // A fault in the middle of a frame is none, whatever became of the frame.
    expect(it.state().next).toBeLessThanOrEqual(frames.length + 2);
    expect(it.state().requests).toEqual([]);
    expect(it.facts().cost).toBe(0);
  },
);

test.prop([fc.array(fc.tuple(frame, turn), { maxLength: 12 })])(
  'the same events have the same effects',
  (frames) => {
    const run = () => {
      const it = world(3);
      for (const [i, [fields, { pick, fails }]] of frames.entries()) {
        it.give(request({ to: 'z', ...fields, id: i + 1, filesize: 0 }));
        it.give(bodyEnd);
        it.settle(pick, fails);
      }
      return it.facts().effects;
    };
    expect(run()).toEqual(run());
  },
);

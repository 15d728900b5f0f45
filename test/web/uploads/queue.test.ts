/** The list of files as a reducer. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type Entry, isLarge, isOver, isRunning } from '../../../src/web/uploads/entry.ts';
import { reduce } from '../../../src/web/uploads/queue.ts';
import {
  type Effect,
  EMPTY,
  type QueueEvent,
  type QueueState,
} from '../../../src/web/uploads/queue-state.ts';
import { describeEntry } from '../../../src/web/uploads/status-words.ts';
import { percentOf, totalsOf } from '../../../src/web/uploads/totals.ts';
import { cases } from '../../support/random/cases.ts';

const MIB = 1024 * 1024;
const file = (source: string, size = 1, modified = 0) => ({ source, size, modified, verify: false });

/** Takes events one after the other, and keeps what is to be done. */
function queue() {
  const done: Effect[] = [];
  let state: QueueState = EMPTY;
  return {
    done,
    state: () => state,
    take: (event: QueueEvent): readonly Effect[] => {
      const step = reduce(state, event);
      state = step.state;
      done.push(...step.effects);
      return step.effects;
    },
    statusOf: (name: string) => state.entries.find((entry) => entry.name === name)?.status,
  };
}

describe('the list of files', () => {
  test('a file that is in the list and not over is not added again; one that is over is', () => {
    const { take, state } = queue();
    take({ type: 'added', files: [file('a'), file('a')] });
    expect(state().entries.length).toBe(1);
    take({ type: 'stored', id: 0 });
    take({ type: 'added', files: [file('a')] });
    expect(state().entries.map(({ status }) => status)).toEqual(['stored', 'sending']);
  });

  test('what is to be replaced, said for all, is not asked again of files that had left before', () => {
    const { take, state } = queue();
    take({ type: 'added', files: [file('a'), file('b')] });
    take({ type: 'exists', id: 0 });
    take({ type: 'answered', id: 0, choice: 'replace', all: true });
    const effects = take({ type: 'exists', id: 1 });
    expect(state().entries.map(({ status }) => status)).toEqual(['sending', 'sending']);
    expect(effects).toMatchObject([{ type: 'send', entry: { name: 'b', onExists: 'replace' } }]);
  });

  test('a file that is picked again goes on; with another size or time it begins anew, and the old bytes are dropped', () => {
    const record = { ...file('a', 2 * MIB, 7), name: 'a', ends: 'e', onExists: 'ask' as const, copy: 1 };
    const same = queue();
    same.take({ type: 'remembered', records: [record] });
    expect(same.statusOf('a')).toBe('needs-file');
    same.take({ type: 'added', files: [file('a', 2 * MIB, 7)] });
    expect(same.statusOf('a')).toBe('sending');
    expect(same.state().entries[0]).toMatchObject({ ends: 'e', isAgain: true });
    // The ends are read, and are others after all.
    const effects = same.take({ type: 'identified', id: 0, ends: 'f' });
    expect(effects).toContainEqual({
      type: 'drop',
      id: 0,
      source: 'a',
      size: 2 * MIB,
      modified: 7,
      ends: 'e',
    });

    const changed = queue();
    changed.take({ type: 'remembered', records: [record] });
    const begun = changed.take({ type: 'added', files: [file('a', 2 * MIB, 8)] });
    expect(begun[0]).toEqual({ type: 'drop', id: 0, source: 'a', size: 2 * MIB, modified: 7, ends: 'e' });
    expect(changed.state().entries[0]).toMatchObject({ ends: null, isAgain: false, status: 'sending' });
  });

  test('what was asked about and never begun does not come back, and is forgotten', () => {
    const { take, state } = queue();
    const record = { ...file('a'), name: 'a', ends: null, onExists: 'ask' as const, copy: 1 };
    const effects = take({
      type: 'remembered',
      records: [
        { ...record, isUndecided: true },
        { ...record, source: 'b', name: 'b' },
      ],
    });
    expect(state().entries.map(({ name }) => name)).toEqual(['b']);
    expect(effects).toEqual([{ type: 'forget', source: 'a', size: 1, modified: 0 }]);
  });

  test('what is durable is remembered as it grows, and shown again by the next page', () => {
    const { take } = queue();
    take({ type: 'added', files: [file('a', 4 * MIB)] });
    const moved = (sent: number, durable: number) =>
      take({ type: 'progress', entries: [{ id: 0, sent, durable, rate: 1 }] });
    expect(moved(MIB, 0)).toEqual([]);
    expect(moved(2 * MIB, MIB)).toEqual([{ type: 'remember', ids: [0] }]);
    expect(moved(3 * MIB, MIB)).toEqual([]);

    const next = queue();
    const record = { ...file('a', 4 * MIB), name: 'a', ends: 'e', onExists: 'ask' as const, copy: 1 };
    next.take({ type: 'remembered', records: [{ ...record, durable: MIB }] });
    expect(totalsOf(next.state().entries)).toMatchObject({ durable: MIB, bytes: 4 * MIB });
    expect(describeEntry(next.state().entries[0]!, false)).toBe('Pick the file again – 1 MiB of 4 MiB');
    // With other content it begins anew.
    next.take({ type: 'added', files: [file('a', 4 * MIB)] });
    next.take({ type: 'identified', id: 0, ends: 'f' });
    expect(next.state().entries[0]).toMatchObject({ sent: 0, durable: 0 });
  });

  test('what was verified says so, and what was found on the server does not', () => {
    const { take, state } = queue();
    take({ type: 'added', files: [file('a'), file('b')].map((added) => ({ ...added, verify: true })) });
    take({ type: 'stored', id: 0 });
    take({ type: 'stored', id: 1, isFound: true });
    expect(state().entries.map((entry) => describeEntry(entry, false))).toEqual([
      'Stored and verified – 1 B',
      'Stored – 1 B',
    ]);
  });

  test('what was stored stays counted when the list is cleared', () => {
    const { take, state } = queue();
    take({ type: 'added', files: [file('a'), file('b')] });
    take({ type: 'stored', id: 0 });
    take({ type: 'clear' });
    take({ type: 'stored', id: 0 });
    take({ type: 'stored', id: 1 });
    expect(state()).toMatchObject({ storedEver: 2, entries: [{ name: 'b' }] });
  });

  test('a name that the server would refuse is never sent, and says why', () => {
    const { take, state, done } = queue();
    take({ type: 'added', files: [file('../a')] });
    expect(state().entries[0]).toMatchObject({
      status: 'failed',
      why: "the name is not allowed: it has a segment '.' or '..'",
    });
    expect(done).toEqual([]);
  });

  test('small files go on behind large ones that wait', () => {
    const { take, state } = queue();
    const large = ['a', 'b', 'c', 'd'].map((name) => file(name, 5 * MIB));
    take({ type: 'added', files: [...large, file('small')] });
    expect(state().entries.map(({ status }) => status)).toEqual([
      ...['sending', 'sending', 'waiting', 'waiting'],
      'sending',
    ]);
  });

  test('an answer for all is that of all files that are not over, and of none that comes later', () => {
    const { take, state, statusOf } = queue();
    take({ type: 'added', files: ['a', 'b', 'c'].map((name) => file(name)) });
    take({ type: 'exists', id: 0 });
    take({ type: 'exists', id: 1 });
    take({ type: 'answered', id: 0, choice: 'keep-both', all: true });
    expect(state().entries.map(({ name }) => name)).toEqual(['a (2)', 'b (2)', 'c']);
    take({ type: 'exists', id: 2 });
    expect(state().entries[2]).toMatchObject({ name: 'c (2)', status: 'sending' });
    take({ type: 'exists', id: 0 });
    expect(state().entries[0]).toMatchObject({ name: 'a (3)', status: 'sending' });
    take({ type: 'added', files: [file('d')] });
    take({ type: 'exists', id: 3 });
    expect(statusOf('d')).toBe('asking');
  });

  test('what another tab has uploaded is skipped, and what it has left goes on', () => {
    const { take, statusOf } = queue();
    take({ type: 'added', files: [file('a'), file('b')] });
    take({ type: 'taken', id: 0 });
    take({ type: 'taken', id: 1 });
    expect(statusOf('a')).toBe('elsewhere');
    take({ type: 'free', id: 0, isDone: true });
    take({ type: 'free', id: 1, isDone: false });
    expect([statusOf('a'), statusOf('b')]).toEqual(['skipped', 'sending']);
  });

  test('totals leave out what is given up, and count what the server has for good', () => {
    const { take, state } = queue();
    take({ type: 'added', files: [file('a', 100), file('b', 300), file('c', 500)] });
    take({ type: 'cancel', id: 2 });
    take({ type: 'progress', entries: [{ id: 1, sent: 150, durable: 50, rate: 10 }] });
    take({ type: 'stored', id: 0 });
    const totals = totalsOf(state().entries);
    expect(totals).toMatchObject({ files: 3, stored: 1, bytes: 400, durable: 150, left: 25 });
    expect(percentOf(totals)).toBe(37);
  });

  test('100 percent is said only when all is stored: not of what is paused, asked, failed, or given up', () => {
    const { take, state } = queue();
    const percent = () => percentOf(totalsOf(state().entries));
    take({ type: 'added', files: [file('a', 100), file('b', 300), file('empty', 0)] });
    take({ type: 'stored', id: 0 });
    take({ type: 'stored', id: 2 });
    expect(percent()).toBe(25);
    take({ type: 'pause', id: null });
    expect(percent()).toBe(25);
    take({ type: 'resume', id: null });
    take({ type: 'exists', id: 1 });
    expect(percent()).toBe(25);
    take({ type: 'answered', id: 1, choice: 'replace', all: false });
    take({ type: 'failed', id: 1, why: 'so it is' });
    expect(percent()).toBe(25);
    take({ type: 'cancel', id: 1 });
    expect(percent()).toBe(100);

    const none = queue();
    none.take({ type: 'added', files: [file('a')] });
    none.take({ type: 'cancel', id: 0 });
    expect(percentOf(totalsOf(none.state().entries))).toBe(0);
  });
});

/** What may happen to a list, as indices into what is there. */
const happening = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    size: fc.constantFrom(0, 1, MIB - 1, MIB, 9 * MIB),
    name: fc.nat(20),
  }),
  fc.record({
    do: fc.constantFrom('stored', 'exists', 'failed', 'taken', 'identified', 'hashed', 'moved'),
    of: fc.nat(),
  }),
  fc.record({ do: fc.constantFrom('free', 'freeDone', 'answer', 'answerAll'), of: fc.nat() }),
  fc.record({
    do: fc.constantFrom('pause', 'resume', 'retry', 'cancel'),
    of: fc.option(fc.nat(), { freq: 3 }),
  }),
  fc.constant({ do: 'clear' as const }),
);

property.prop([fc.array(happening, { maxLength: 80 }), fc.boolean()], { numRuns: cases(300) })(
  'whatever happens: what runs is what was begun and neither stopped nor ended, bounded, and nothing waits where there is room',
  (happenings, verify) => {
    const { take, state } = queue();
    /** What is subscribed: begun and not stopped; an end of its own ends it. */
    const sending = new Set<number>();
    const released = new Set<number>();
    const run = (event: QueueEvent): void => {
      if (['stored', 'exists', 'failed', 'free'].includes(event.type))
        sending.delete((event as { id: number }).id);
      for (const effect of take(event)) {
        if (effect.type === 'send') {
          expect(released.has(effect.entry.id)).toBe(false);
          sending.add(effect.entry.id);
        }
        if (effect.type === 'halt') expect(sending.delete(effect.id)).toBe(true);
        if (effect.type === 'release') released.add(effect.id);
      }
    };
    const pick = (entries: readonly Entry[], of: number) => entries[of % Math.max(1, entries.length)]?.id;
    const running = () => state().entries.filter(isRunning);
    for (const it of happenings) {
      if (it.do === 'add') run({ type: 'added', files: [{ ...file(`f${it.name}`, it.size), verify }] });
      else if (it.do === 'clear') run({ type: 'clear' });
      else if (it.do === 'pause' || it.do === 'resume' || it.do === 'retry' || it.do === 'cancel')
        run({ type: it.do, id: it.of === null ? null : (pick(state().entries, it.of!) ?? null) });
      else if (it.do === 'free' || it.do === 'freeDone') {
        const id = pick(
          state().entries.filter(({ status }) => status === 'elsewhere'),
          it.of!,
        );
        if (id !== undefined) run({ type: 'free', id, isDone: it.do === 'freeDone' });
      } else if (it.do === 'answer' || it.do === 'answerAll') {
        const id = pick(
          state().entries.filter(({ status }) => status === 'asking'),
          it.of!,
        );
        const choice = (['replace', 'keep-both', 'skip'] as const)[it.of! % 3]!;
        if (id !== undefined) run({ type: 'answered', id, choice, all: it.do === 'answerAll' });
      } else {
        const id = pick(running(), it.of!);
        if (id === undefined) continue;
        if (it.do === 'moved') run({ type: 'progress', entries: [{ id, sent: 1, durable: 0, rate: 1 }] });
        else if (it.do === 'identified') run({ type: 'identified', id, ends: `e${it.of! % 2}` });
        else if (it.do === 'failed') run({ type: 'failed', id, why: 'so it is' });
        else run({ type: it.do as 'stored' | 'exists' | 'taken' | 'hashed', id });
      }
      const { entries } = state();
      const here = entries.filter((entry) => isRunning(entry) || entry.status === 'elsewhere');
      expect([...sending].sort()).toEqual(here.map(({ id }) => id).sort());
      expect(entries.map(({ id }) => id)).toEqual(
        [...new Set(entries.map(({ id }) => id))].sort((a, b) => a - b),
      );
      const small = running().filter((entry) => !isLarge(entry));
      expect(running().length - small.length).toBeLessThanOrEqual(2);
      expect(small.length).toBeLessThanOrEqual(32);
      expect(small.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(8 * MIB);
      const waiting = entries.filter(({ status }) => status === 'waiting');
      if (waiting.some(isLarge)) expect(running().length - small.length).toBe(2);
      for (const entry of entries) {
        if (isOver(entry)) expect(released.has(entry.id)).toBe(true);
        if (isRunning(entry)) expect(entry.hasFile).toBe(true);
      }
    }
  },
);

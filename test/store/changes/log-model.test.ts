/** A log of changes that is crashed after any byte, and again after that: what it says is what happened. */
import { fc, test } from '@fast-check/vitest';
import { expect, test as plainTest } from 'vitest';
import type { ChangeEvent, ChangeLog } from '../../../src/store/changes/change-log.ts';
import { openChangeLog } from '../../../src/store/changes/open-change-log.ts';
import { cases } from '../../support/random/cases.ts';
import { type CrashFs, createCrashFs } from '../../support/stores/crash-fs.ts';

type Action =
  | { readonly type: 'put'; readonly name: number; readonly isMade: boolean }
  | { readonly type: 'end'; readonly unknown: boolean }
  | { readonly type: 'turn' }
  | { readonly type: 'deliver' };

interface Change {
  readonly number: number;
  readonly name: string;
  /** Operations of the file system when the change was made; undefined before. */
  madeAt: number | undefined;
}

interface Life {
  readonly fs: CrashFs;
  readonly changes: Change[];
  /** Events as they were read, and how many operations there were by then. */
  readonly seen: { readonly event: ChangeEvent; readonly at: number }[];
}

const NAMES = ['a', 'b', 'c/d'];
let nextNumber = 1;

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      name: fc.nat(2),
      isMade: fc.nat(3).map((drawn) => drawn > 0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('end' as const), unknown: fc.boolean() }) },
  { weight: 3, arbitrary: fc.constant({ type: 'turn' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'deliver' as const }) },
);

const turn = () => new Promise((resolve) => setImmediate(resolve));

const open = async (fs: CrashFs, durability: 'os' | 'fsync'): Promise<ChangeLog> => {
  const options = { fs: fs.fs, durability, sinks: ['sink'], segmentBytes: 2000 };
  const opened = await openChangeLog('/root', options);
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
};

async function allEvents(log: ChangeLog): Promise<ChangeEvent[]> {
  const events: ChangeEvent[] = [];
  for (;;) {
    const page = await log.read(events.at(-1)?.sequence ?? 0, 7);
    if (page.length === 0) return events;
    events.push(...page);
  }
}

/** Makes and ends changes, as stores do. */
async function live(log: ChangeLog, fs: CrashFs, actions: readonly Action[]): Promise<Life> {
  const changes: Change[] = [];
  const seen: Life['seen'] = [];
  const open: ((isUnknown: boolean) => void)[] = [];
  for (const step of actions) {
    // A write, a sync, and who waits for them.
    if (step.type === 'turn') for (let i = 0; i < 3; i++) await turn();
    else if (step.type === 'end') {
      // A write and a sync, as long as they take.
      for (let i = 0; i < 6 && open.length === 0; i++) await turn();
      open.shift()?.(step.unknown);
    } else if (step.type === 'deliver') {
      for (const event of await allEvents(log)) {
        if (!seen.some((each) => each.event.id === event.id)) seen.push({ event, at: fs.length() });
        log.advance('sink', event.sequence);
      }
    } else {
      const number = nextNumber++;
      const name = NAMES[step.name]!;
      const change: Change = { number, name, madeAt: undefined };
      changes.push(change);
      void log.begin({ type: 'stored', name, size: number, ino: number }).then((begun) => {
        if (!begun.ok) return;
        open.push((isUnknown) => {
          if (step.isMade) {
            fs.setFile(name, number);
            change.madeAt = fs.length();
          }
          const known = step.isMade ? 'happened' : 'did-not';
          void log.settle(begun.value, isUnknown ? 'unknown' : known);
        });
      });
    }
  }
  return { fs, changes, seen };
}

/** What a log must say that was crashed after so many operations of a life. */
function check(life: Life, before: readonly ChangeEvent[], after: readonly ChangeEvent[], at: number): void {
  const made = life.changes.filter(({ madeAt }) => madeAt !== undefined && madeAt <= at);
  const told = after.slice(before.length);
  counts.made += made.length;
  counts.open += life.changes.length - made.length;
  counts.seen += life.seen.filter((each) => each.at <= at).length;
  // No event is lost, and none is about what did not happen.
  expect(told.map(({ size }) => size).sort((a, b) => a - b)).toEqual(
    made.map(({ number }) => number).sort((a, b) => a - b),
  );
  for (const name of NAMES) {
    const ofName = made.filter((change) => change.name === name).sort((a, b) => a.madeAt! - b.madeAt!);
    expect(told.filter((event) => event.name === name).map(({ size }) => size)).toEqual(
      ofName.map(({ number }) => number),
    );
  }
  // What was there is as it was.
  expect(after.slice(0, before.length)).toEqual(before);
  for (const { event, at: readAt } of life.seen) if (readAt <= at) expect(after).toContainEqual(event);
  expect(new Set(after.map(({ id }) => id)).size).toBe(after.length);
  expect(after.map(({ sequence }) => sequence)).toEqual(after.map((_, i) => i + 1));
}

/** Any part as often as any other: numbers that are drawn are small ones mostly. */
const part = fc.noBias(fc.nat({ max: 1000 })).map((thousandths) => thousandths / 1000);
const life = fc.tuple(fc.array(action, { minLength: 10, maxLength: 60, size: 'max' }), part, part);
/** What was checked, so that a test of nothing is noticed. */
const counts = { made: 0, open: 0, seen: 0 };

test.prop(
  [fc.array(life, { minLength: 1, maxLength: 3 }), fc.constantFrom('os' as const, 'fsync' as const)],
  {
    numRuns: cases(150),
  },
)('a log that is crashed after any byte says what happened, once and in order', async (lives, durability) => {
  let fs = createCrashFs();
  let before: readonly ChangeEvent[] = [];
  for (const [actions, when, cut] of lives) {
    const log = await open(fs, durability);
    const opened = await allEvents(log);
    expect(opened).toEqual(before);
    const lived = await live(log, fs, actions);
    const end = fs.length();
    await log.close();
    const at = Math.floor(when * end);
    const crashed = fs.crashed(at, cut, durability === 'fsync');
    const recovered = await open(crashed, durability);
    const after = await allEvents(recovered);
    expect(recovered.cursor('sink')).toBeLessThanOrEqual(after.length);
    check(lived, before, after, at);
    await recovered.close();
    before = after;
    fs = crashed;
  }
});

plainTest('the crashes were of logs in which much had happened', () => {
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(cases(150));
});

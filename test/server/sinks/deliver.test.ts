/** Delivery of events to a sink: at least once, in the order of each name, however often the sink fails. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { deliver } from '../../../src/server/sinks/deliver.ts';
import {
  DELIVERED,
  type DeliveryAnswer,
  type DeliveryReport,
  failed,
} from '../../../src/server/sinks/sink.ts';
import type { ChangeEvent, ChangeLog } from '../../../src/store/changes/change-log.ts';
import { openChangeLog } from '../../../src/store/changes/open-change-log.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

const opened = new Set<ChangeLog>();
afterEach(async () => {
  vi.useRealTimers();
  for (const log of opened) await log.close();
  opened.clear();
});

async function openLog(): Promise<ChangeLog> {
  const log = await openChangeLog(tempFolder(), { sinks: ['sink'], durability: 'os' });
  if (!log.ok) throw new Error(log.error.message);
  opened.add(log.value);
  return log.value;
}

async function stored(log: ChangeLog, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const begun = await log.begin({ type: 'stored', name, size: 1, ino: 1 });
    if (begun.ok) await log.settle(begun.value, 'happened');
  }
}

interface Run {
  readonly tries: ChangeEvent[];
  readonly reports: DeliveryReport[];
  readonly stop: () => void;
  /** Resolves when there is such a report. */
  readonly until: (isIt: (report: DeliveryReport) => boolean) => Promise<void>;
}

function run(
  log: ChangeLog,
  answer: (event: ChangeEvent, tries: number) => DeliveryAnswer | Promise<DeliveryAnswer>,
  concurrency = 4,
): Run {
  const tries: ChangeEvent[] = [];
  const reports: DeliveryReport[] = [];
  const waiting = new Set<() => void>();
  const sink = {
    name: 'sink',
    concurrency,
    deliver: async (event: ChangeEvent) => {
      tries.push(event);
      return await answer(event, tries.filter(({ id }) => id === event.id).length);
    },
  };
  // Waits of no time: how long they are is shown by what is reported of them.
  const subscription = deliver(log, sink, { random: () => 0 }).subscribe((report) => {
    reports.push(report);
    for (const look of waiting) look();
  });
  const until = (isIt: (report: DeliveryReport) => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!reports.some(isIt)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { tries, reports, until, stop: () => subscription.unsubscribe() };
}

const isDelivered = (name: string) => (report: DeliveryReport) =>
  report.type === 'delivered' && report.event.name === name;
const namesOf = (events: readonly ChangeEvent[]) => events.map(({ name }) => name);

describe('a sink', () => {
  test('that takes long to fail with some events gets the others in their turn', async () => {
    const log = await openLog();
    await stored(log, 'bad', 'worse', 'good');
    const late = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    const { until, stop } = run(
      log,
      ({ name }) => (name === 'good' ? DELIVERED : late(5).then(() => failed('no answer'))),
      1,
    );
    await until(isDelivered('good'));
    stop();
  });

  test('gets the events that were there before, and those that come, in their order', async () => {
    const log = await openLog();
    await stored(log, 'a', 'b');
    const { tries, until, stop } = run(log, () => DELIVERED, 1);
    await until(isDelivered('b'));
    await stored(log, 'c');
    await until(isDelivered('c'));
    expect(namesOf(tries)).toEqual(['a', 'b', 'c']);
    stop();
    await expect.poll(() => log.cursor('sink')).toBe(3);
  });

  test('gets an event again until it takes it, with the same id', async () => {
    const log = await openLog();
    await stored(log, 'a');
    const { tries, until, reports } = run(log, (_, tries) => (tries < 4 ? failed('away') : DELIVERED));
    await until(isDelivered('a'));
    expect(new Set(tries.map(({ id }) => id)).size).toBe(1);
    expect(reports.map(({ type, attempt }) => `${type} ${attempt}`)).toEqual([
      ...['failed 1', 'failed 2', 'failed 3'],
      'delivered 4',
    ]);
  });

  test('gets an event of a name only when it has taken the one before', async () => {
    const log = await openLog();
    await stored(log, 'a', 'a', 'b');
    let takes = false;
    const { tries, until } = run(log, ({ name }) => (name === 'b' || takes ? DELIVERED : failed('not yet')));
    await until(isDelivered('b'));
    expect(tries.filter(({ name }) => name === 'a').every(({ sequence }) => sequence === 1)).toBe(true);
    // What was delivered behind it does not move the cursor.
    expect(log.cursor('sink')).toBe(0);
    takes = true;
    await until(({ type, event }) => type === 'delivered' && event.sequence === 2);
    await expect.poll(() => log.cursor('sink')).toBe(3);
  });

  test('gets a rename behind the events of both of its names', async () => {
    const log = await openLog();
    await stored(log, 'a', 'b');
    const begun = await log.begin({ type: 'renamed', from: 'a', name: 'b', size: 1, ino: 1 });
    if (begun.ok) await log.settle(begun.value, 'happened');
    await stored(log, 'a');
    const order: number[] = [];
    const { until } = run(log, (event, tries) => {
      if (tries < 3) return failed('not yet');
      order.push(event.sequence);
      return DELIVERED;
    });
    await until(({ type, event }) => type === 'delivered' && event.sequence === 4);
    expect(order.slice(-2)).toEqual([3, 4]);
  });

  test('has what it refuses among the dead letters, and the others go on', async () => {
    const log = await openLog();
    await stored(log, 'a', 'a', 'b');
    const refuse = (event: ChangeEvent): DeliveryAnswer =>
      event.sequence === 1 ? { type: 'refused', reason: 'it is wrong' } : DELIVERED;
    const { until } = run(log, refuse, 1);
    await until(isDelivered('b'));
    await expect.poll(() => log.cursor('sink')).toBe(3);
    expect(await log.deadLetters('sink')).toMatchObject([
      { event: { sequence: 1 }, reason: 'it is wrong', again: false },
    ]);
  });

  test('gets a dead letter again when somebody wants that, and takes it', async () => {
    const log = await openLog();
    await stored(log, 'a');
    let takes = false;
    const { until, tries } = run(log, () => (takes ? DELIVERED : { type: 'refused', reason: 'no' }));
    await until(({ type }) => type === 'refused');
    takes = true;
    expect(await log.revive('sink')).toEqual({ ok: true, value: 1 });
    await until(isDelivered('a'));
    expect(tries.length).toBe(2);
    await expect.poll(() => log.deadLetters('sink')).toEqual([]);
  });

  test('begins where its cursor was moved to', async () => {
    const log = await openLog();
    await stored(log, 'a', 'b', 'c');
    const { until, tries, reports } = run(log, () => DELIVERED, 1);
    await until(isDelivered('c'));
    reports.length = 0;
    await log.move('sink', 1);
    await until(isDelivered('c'));
    expect(namesOf(tries)).toEqual(['a', 'b', 'c', 'b', 'c']);
  });

  test('that wants to be left alone gets nothing for so long', async () => {
    const log = await openLog();
    await stored(log, 'a');
    const { reports, until, tries } = run(log, () => failed('busy', 3_600_000));
    await until(({ type }) => type === 'failed');
    expect(reports[0]!.nextMs).toBe(3_600_000);
    await stored(log, 'b');
    await new Promise(setImmediate);
    expect(namesOf(tries)).toEqual(['a']);
  });

  test('that throws is tried again', async () => {
    const log = await openLog();
    await stored(log, 'a');
    const { reports, until } = run(log, (_, tries) => {
      if (tries === 1) throw new Error('a bug');
      return DELIVERED;
    });
    await until(isDelivered('a'));
    expect(reports[0]).toMatchObject({ type: 'failed', reason: 'a bug' });
  });

  test('that has taken some of very many gets the others after a restart', async () => {
    const log = await openLog();
    await stored(log, ...Array.from({ length: 700 }, (_, i) => `${i}`));
    const first = run(log, ({ sequence }) => (sequence <= 400 ? DELIVERED : failed('away')));
    await first.until(isDelivered('399'));
    await expect.poll(() => log.cursor('sink')).toBe(400);
    first.stop();
    const second = run(log, () => DELIVERED);
    await second.until(isDelivered('699'));
    expect(new Set(namesOf(second.tries)).size).toBe(300);
  });
});

/** The table of the page: it shows what the server's registry has, whatever comes, goes, changes and is missed. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import type { ConnectionRow, WatchConnections } from '../../../src/files/protocol/watching.ts';
import { createConnectionRegistry } from '../../../src/server/observe/registry.ts';
import { createConnectionTable } from '../../../src/server/observe/table.ts';
import { ConnectionRows, rateOf } from '../../../src/web/watch/rows.ts';

const LOOKS = 3;

const happening = fc.oneof(
  fc.record({ type: fc.constant('enters' as const), id: fc.nat(20) }),
  fc.record({ type: fc.constant('leaves' as const), id: fc.nat(20) }),
  fc.record({ type: fc.constant('works' as const), id: fc.nat(20), open: fc.nat(3) }),
  fc.record({ type: fc.constant('look' as const), isMissed: fc.boolean() }),
);

property.prop([fc.array(happening, { maxLength: 120 })])(
  'after a pass the table of the page is the registry of the server, whatever the page has missed before',
  (happenings) => {
    const registry = createConnectionRegistry();
    const table = createConnectionTable(registry, LOOKS);
    const page = new ConnectionRows();
    let [now, hasMissed] = [0, false];
    const look = (isMissed: boolean): void => {
      const before = table.looks();
      now += 1000;
      const message = table.take(now);
      expect(table.looks() - before).toBeLessThanOrEqual(2 * LOOKS);
      if (message === null) return;
      if (!isMissed) page.apply(message);
      else {
        hasMissed = true;
        table.beginPass();
      }
    };
    for (const each of happenings) {
      if (each.type === 'look') look(each.isMissed);
      else if (each.type === 'leaves') registry.leave(`${each.id}`);
      else if (each.type === 'works') registry.connections.get(`${each.id}`)?.setOpen(each.open);
      else if (!registry.connections.has(`${each.id}`))
        registry.enter({ id: `${each.id}`, remote: 'memory' });
    }
    // A pass over all, and the marks of those that have come to rest.
    for (let looks = 0; looks < 40; looks++) look(false);
    const shown = page.shown().map(({ id, open }) => [id, open]);
    const all = [...registry.connections.values()].map(({ id, open }) => [id, open]);
    expect(shown.sort()).toEqual(all.sort());
    expect(page.total).toBe(all.length);
    expect(table.isPassing(), `${hasMissed}`).toBe(false);
  },
);

test('a connection that goes and comes back under the same id between two looks is shown', () => {
  const registry = createConnectionRegistry();
  const table = createConnectionTable(registry, LOOKS);
  const page = new ConnectionRows();
  for (let second = 1; second < 5; second++) {
    registry.leave('a');
    registry.enter({ id: 'a', remote: 'memory' });
    page.apply(table.take(second * 1000)!);
    expect(page.shown().map(({ id }) => id)).toEqual(['a']);
  }
});

const row = (id: number, by: Partial<ConnectionRow> = {}): ConnectionRow => ({
  id: `${id}`,
  remote: `192.0.2.1:${id}`,
  name: null,
  since: id,
  received: 0,
  sent: 0,
  receivedRate: 0,
  sentRate: 0,
  open: 0,
  cmd: null,
  filename: null,
  at: null,
  size: null,
  waits: null,
  ...by,
});
const says = (
  seq: number,
  rows: readonly ConnectionRow[],
  gone: readonly string[] = [],
): WatchConnections => ({
  type: 'connections',
  seq,
  rows,
  gone,
  pass: null,
});

property.prop([
  fc.array(fc.array(fc.record({ id: fc.nat(30), rate: fc.nat(5), isGone: fc.boolean() })), { maxLength: 20 }),
])('rows that change keep the order that all of them would be sorted into', (batches) => {
  const page = new ConnectionRows();
  const model = new Map<string, ConnectionRow>();
  for (const [seq, batch] of batches.entries()) {
    const rows = batch.filter(({ isGone }) => !isGone).map(({ id, rate }) => row(id, { receivedRate: rate }));
    const gone = batch.filter(({ isGone }) => isGone).map(({ id }) => `${id}`);
    page.apply(says(seq, rows, gone));
    for (const each of rows) model.set(each.id, each);
    for (const id of gone) model.delete(id);
    const expected = [...model.values()].sort((a, b) => rateOf(b) - rateOf(a) || a.since - b.since);
    expect(page.shown()).toEqual(expected);
  }
});

test('a pass takes away what it has no row for, unless the page has missed a part of it', () => {
  const page = new ConnectionRows();
  const ids = () => page.shown().map(({ id }) => id);
  page.apply({ ...says(0, [row(1), row(2), row(3)]), pass: 'all' });
  page.apply({ ...says(1, [row(1)]), pass: 'begins' });
  page.apply({ ...says(3, [row(3)]), pass: 'ends' });
  expect(ids()).toEqual(['1', '2', '3']);
  page.apply({ ...says(4, [row(1)]), pass: 'begins' });
  page.apply({ ...says(5, [row(3)]), pass: 'ends' });
  expect(ids()).toEqual(['1', '3']);
});

describe('what is shown', () => {
  function filled() {
    const page = new ConnectionRows();
    page.apply(
      says(0, [
        row(1, { name: 'alice', cmd: 'put', filename: 'films/A.mkv', open: 1, at: 5, size: 10 }),
        row(2, { name: 'bob', receivedRate: 10 }),
        row(3),
      ]),
    );
    return { page, ids: () => page.shown().map(({ id }) => id) };
  }

  test.each([
    ['ALICE', ['1']],
    ['a.mkv', ['1']],
    ['192.0.2.1:3', ['3']],
    ['nothing', []],
  ])('the filter %s finds peers, names and files, whatever their letters', (text, found) => {
    const { page, ids } = filled();
    page.arrange({ by: 'since', isDescending: false }, { text, isAtWork: false });
    expect(ids()).toEqual(found);
    expect(page.total).toBe(3);
  });

  test('those that are idle can be left out', () => {
    const { page, ids } = filled();
    page.arrange({ by: 'rate', isDescending: true }, { text: '', isAtWork: true });
    expect(ids()).toEqual(['2', '1']);
    page.apply(says(1, [row(3, { open: 1 }), row(2)]));
    expect(ids()).toEqual(['1', '3']);
  });

  test('a column orders either way', () => {
    const { page, ids } = filled();
    page.arrange({ by: 'done', isDescending: true }, { text: '', isAtWork: false });
    expect(ids()[0]).toBe('1');
    page.arrange({ by: 'peer', isDescending: false }, { text: '', isAtWork: false });
    expect(ids()).toEqual(['3', '1', '2']);
  });
});

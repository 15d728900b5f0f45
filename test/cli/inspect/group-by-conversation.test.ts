/** Conversations that go on at once, printed one after the other. */
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { groupByConversation } from '../../../src/cli/inspect/group-by-conversation.ts';

describe('turns', () => {
  test('the rows of the first conversation are printed as they come, and those of the others when it has ended', () => {
    const lines: string[] = [];
    const turns = groupByConversation(
      (line) => lines.push(line),
      100,
      (heading: string) => heading,
    );
    turns.open(0, 'A');
    turns.open(1, 'B');
    turns.row(0, 'a1');
    turns.row(1, 'b1');
    expect(lines).toEqual(['A', 'a1']);
    turns.close(0);
    expect(lines).toEqual(['A', 'a1', '', 'B', 'b1']);
    turns.row(1, 'b2');
    turns.close(1);
    expect(lines.slice(5)).toEqual(['b2', '']);
  });

  test('when too many rows wait, the conversation with the most is printed, and the interrupted one continues later', () => {
    const lines: string[] = [];
    const turns = groupByConversation(
      (line) => lines.push(line),
      2,
      (heading: string) => heading,
    );
    turns.open(0, 'A');
    turns.open(1, 'B');
    for (const row of ['b1', 'b2', 'b3']) turns.row(1, row);
    expect(lines).toEqual(['A', '', 'B', 'b1', 'b2', 'b3']);
    turns.row(0, 'a1');
    turns.close(0);
    turns.close(1);
    expect(lines.slice(6)).toEqual(['', 'A (continued)', 'a1', '']);
  });

  test('the conversation with the most waiting rows is printed first', () => {
    const lines: string[] = [];
    const turns = groupByConversation(
      (line) => lines.push(line),
      6,
      (heading: string) => heading,
    );
    for (const name of ['A', 'B', 'C', 'D']) turns.open('ABCD'.indexOf(name), name);
    for (const [index, row] of [
      [3, 'd1'],
      [1, 'b1'],
      [2, 'c1'],
      [1, 'b2'],
      [2, 'c2'],
      [3, 'd2'],
    ] as const) {
      turns.row(index, row);
    }
    expect(lines).toEqual(['A']);
    turns.row(3, 'd3');
    expect(lines.slice(1)).toEqual(['', 'D', 'd1', 'd2', 'd3']);
  });

  test('of conversations with equally many waiting rows, the one that began first is printed', () => {
    const lines: string[] = [];
    const turns = groupByConversation(
      (line) => lines.push(line),
      2,
      (heading: string) => heading,
    );
    for (const name of ['A', 'B', 'C', 'D']) turns.open('ABCD'.indexOf(name), name);
    turns.row(2, 'c1');
    turns.row(1, 'b1');
    turns.row(3, 'd1');
    expect(lines).toEqual(['A', '', 'B', 'b1']);
  });

  test('a row costs no look at every conversation that is open, however many wait', () => {
    const count = 30_000;
    let lines = 0;
    const turns = groupByConversation(
      () => lines++,
      1000,
      (heading: string) => heading,
    );
    for (let index = 0; index < count; index++) turns.open(index, 'heading');
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < count; index++) turns.row(index, 'row');
    }
    for (let index = 0; index < count; index++) turns.close(index);
    expect(lines).toBeGreaterThan(3 * count);
  });

  /** Rows of four conversations, as they come; each is over after its last. */
  const coming = fc.array(fc.nat(3), { maxLength: 60 });

  prop.prop([coming, fc.integer({ min: 0, max: 12 })])(
    'turns print every row once, in order, below the heading of its conversation',
    (rows, most) => {
      const lines: string[] = [];
      const turns = groupByConversation(
        (line) => lines.push(line),
        most,
        (heading: string) => heading,
      );
      const seen = new Set<number>();
      rows.forEach((index, i) => {
        if (!seen.has(index)) turns.open(index, `#${index}`);
        seen.add(index);
        turns.row(index, `${index}:${i}`);
        expect(i + 1 - lines.filter((line) => line.includes(':')).length).toBeLessThanOrEqual(most);
        if (!rows.includes(index, i + 1)) turns.close(index);
      });
      const printed: string[] = [];
      let heading = '';
      for (const line of lines) {
        if (line.startsWith('#')) heading = line.slice(1, 2);
        else if (line !== '') {
          expect(line.startsWith(`${heading}:`)).toBe(true);
          printed.push(line);
        }
      }
      for (const index of seen) {
        const of = rows.flatMap((each, i) => (each === index ? [`${index}:${i}`] : []));
        expect(printed.filter((line) => line.startsWith(`${index}:`))).toEqual(of);
      }
      expect(printed.length).toBe(rows.length);
    },
  );
});

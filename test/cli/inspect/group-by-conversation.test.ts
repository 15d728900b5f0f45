/** Conversations that go on at once, printed one after the other. */
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { groupByConversation } from '../../../src/cli/inspect/group-by-conversation.ts';

describe('turns', () => {
  test('the rows of the first conversation are printed as they come, and those of the others when it has ended', () => {
    const lines: string[] = [];
    const turns = groupByConversation((line) => lines.push(line), 100);
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
    const turns = groupByConversation((line) => lines.push(line), 2);
    turns.open(0, 'A');
    turns.open(1, 'B');
    for (const row of ['b1', 'b2', 'b3']) turns.row(1, row);
    expect(lines).toEqual(['A', '', 'B', 'b1', 'b2', 'b3']);
    turns.row(0, 'a1');
    turns.close(0);
    turns.close(1);
    expect(lines.slice(6)).toEqual(['', 'A (continued)', 'a1', '']);
  });

  /** Rows of four conversations, as they come; each is over after its last. */
  const coming = fc.array(fc.nat(3), { maxLength: 60 });

  prop.prop([coming, fc.integer({ min: 0, max: 12 })])(
    'turns print every row once, in order, below the heading of its conversation',
    (rows, most) => {
      const lines: string[] = [];
      const turns = groupByConversation((line) => lines.push(line), most);
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

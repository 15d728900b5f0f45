/** Recordings that are made to cost much: time and memory stay in proportion to their packets. */
import { describe, expect, test } from 'vitest';
import type { Segment } from '../../src/capture/segment.ts';
import type { StreamEvent } from '../../src/capture/stream-event.ts';
import { createOldestFirst } from '../../src/capture/streams/oldest-first.ts';
import { createReassembly } from '../../src/capture/streams/reassembly.ts';
import { conversation } from '../support/segments.ts';

/** Seconds of processor time. Where each step costs as much as there is before it, these take ten times the bound. */
function secondsOf(work: () => void): number {
  const { user } = process.cpuUsage();
  work();
  return (process.cpuUsage().user - user) / 1e6;
}

describe('the oldest of a set', () => {
  test('is the one added first of those that are left', () => {
    const set = createOldestFirst<string>();
    expect(set.oldest()).toBeUndefined();
    for (const each of ['a', 'b', 'c', 'b']) set.add(each);
    expect(set.oldest()).toBe('a');
    set.delete('b');
    set.delete('a');
    expect(set.oldest()).toBe('c');
    set.add('a');
    set.delete('c');
    set.add('c');
    expect([set.oldest(), set.size]).toEqual(['a', 2]);
    set.delete('a');
    set.delete('c');
    expect(set.oldest()).toBeUndefined();
    set.add('d');
    expect(set.oldest()).toBe('d');
  });
  test('is found at once though very many older ones are gone', () => {
    const set = createOldestFirst<number>();
    let wrong = 0;
    const seconds = secondsOf(() => {
      for (let i = 0; i < 400_000; i++) {
        set.add(i);
        if (i < 65_536) continue;
        set.delete(i - 65_536);
        if (set.oldest() !== i - 65_535) wrong++;
      }
    });
    expect(wrong).toBe(0);
    expect(seconds).toBeLessThan(2);
  });
});

describe('holes everywhere', () => {
  /** Every second byte of one side, or segments of which only the first byte was captured. */
  const spread = (captured: number, count: number): readonly StreamEvent[] => {
    const script = conversation().handshake().client('x');
    const first = script.segments.at(-1)!;
    const reassembly = createReassembly();
    const events: StreamEvent[] = [];
    const emit = (event: StreamEvent): void => void events.push(event);
    for (const segment of script.segments) reassembly.take(segment, emit);
    for (let i = 0; i < count; i++) {
      const number = first.packet.number + 1 + i;
      const segment: Segment = {
        ...first,
        packet: { ...first.packet, number },
        seq: (first.seq + 2 * (i + 1)) >>> 0,
        length: captured,
      };
      reassembly.take(segment, emit);
    }
    reassembly.end(emit);
    return events;
  };
  test.each([
    ['every second byte', 1],
    ['every packet cut', 2],
  ])('%s: each costs the same however many are held', (_, length) => {
    let events: readonly StreamEvent[] = [];
    const seconds = secondsOf(() => {
      events = spread(length, 200_000);
    });
    expect(events.filter(({ type }) => type === 'chunk')).toHaveLength(200_001);
    expect(events.filter(({ type }) => type === 'gap').length).toBeGreaterThanOrEqual(200_000);
    expect(seconds).toBeLessThan(2);
  });
});

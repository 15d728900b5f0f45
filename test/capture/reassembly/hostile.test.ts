/** Recordings that are made to cost much: what is done for each packet stays the same however many are held. */
import { describe, expect, test, vi } from 'vitest';
import { createOldestFirst } from '../../../src/capture/reassembly/oldest-first.ts';
import { createReassembly } from '../../../src/capture/reassembly/reassembly.ts';
import type { Direction, HeldBytes, Range } from '../../../src/capture/reassembly/tcp-conversation.ts';
import type { Segment } from '../../../src/capture/segment.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { countedLooks } from '../../support/captures/counted-looks.ts';
import { conversation } from '../../support/captures/segments.ts';

/** How often what a direction holds was looked at, of all that were created. */
const counted = vi.hoisted(() => ({ looks: (): number => 0 }));

vi.mock('../../../src/capture/reassembly/tcp-conversation.ts', async (original) => {
  const module = await original<typeof import('../../../src/capture/reassembly/tcp-conversation.ts')>();
  const lists: { readonly looks: () => number }[] = [];
  counted.looks = () => lists.reduce((sum, { looks }) => sum + looks(), 0);
  const countingLooks = (direction: Direction): void => {
    const [held, snapped] = [countedLooks<HeldBytes>([]), countedLooks<Range>([])];
    Object.defineProperties(direction, {
      held: { value: held.list },
      ownHeld: { value: () => held.list },
      snapped: { value: snapped.list },
      ownSnapped: { value: () => snapped.list },
    });
    lists.push(held, snapped);
  };
  return {
    ...module,
    TcpConversation: class extends module.TcpConversation {
      constructor(...facts: ConstructorParameters<typeof module.TcpConversation>) {
        super(...facts);
        countingLooks(this.first);
        countingLooks(this.second);
      }
    },
  };
});

describe('the oldest of a set', () => {
  test('the oldest of a set is the one added first of those that are left', () => {
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
  test('the oldest of a set is found in one walk through them, though very many older ones are gone', () => {
    const walks = vi.spyOn(Set.prototype, 'values');
    const set = createOldestFirst<number>();
    let wrong = 0;
    for (let i = 0; i < 100_000; i++) {
      set.add(i);
      if (i < 16_384) continue;
      set.delete(i - 16_384);
      if (set.oldest() !== i - 16_383) wrong++;
    }
    expect(wrong).toBe(0);
    // Each walk from the beginning would step over the places of those that are gone.
    expect(walks).toHaveBeenCalledTimes(1);
    walks.mockRestore();
  });
});

describe('holes everywhere', () => {
  /**
   * Every second byte of one side, or segments of which only the first byte was captured.
   *
   * @returns what was emitted, and the most looks at what is held that one of the segments took.
   */
  const spread = (captured: number, count: number) => {
    const script = conversation().handshake().client('x');
    const first = script.segments.at(-1)!;
    const reassembly = createReassembly();
    const events: StreamEvent[] = [];
    const emit = (event: StreamEvent): void => void events.push(event);
    for (const segment of script.segments) reassembly.take(segment, emit);
    let looks = 0;
    for (let i = 0; i < count; i++) {
      const before = counted.looks();
      const number = first.packet.number + 1 + i;
      const segment: Segment = {
        ...first,
        packet: { ...first.packet, number },
        seq: (first.seq + 2 * (i + 1)) >>> 0,
        length: captured,
      };
      reassembly.take(segment, emit);
      looks = Math.max(looks, counted.looks() - before);
    }
    reassembly.end(emit);
    return { events, looks };
  };
  test.each([
    ['every second byte', 1],
    ['every packet cut', 2],
  ])(
    'a stream with holes everywhere: %s: for each a few are looked at, and thousands are held',
    (_, length) => {
      const { events, looks } = spread(length, 20_000);
      expect(events.filter(({ type }) => type === 'chunk')).toHaveLength(20_001);
      expect(events.filter(({ type }) => type === 'gap').length).toBeGreaterThanOrEqual(20_000);
      expect(looks).toBeLessThan(40);
    },
  );
});

/** One sync for all callers that wait for the same folder. */
import { describe, expect, it } from 'vitest';
import { createGroupSync } from '../../../src/store/disk/group-sync.ts';

/** A sync that ends when the test says so. */
function manualSync() {
  const running: ((error: Error | null) => void)[] = [];
  let begun = 0;
  const ask = createGroupSync((back) => {
    begun += 1;
    running.push(back);
  });
  return { ask, end: (error: Error | null = null) => running.shift()?.(error), begun: () => begun };
}

describe('a group sync', () => {
  it('a group sync begins at once when none is under way', () => {
    const { ask, begun } = manualSync();
    ask(() => {});
    expect(begun()).toBe(1);
  });

  it('callers that ask during a group sync wait for the next one and share it', () => {
    const { ask, end, begun } = manualSync();
    const ended: string[] = [];
    ask(() => ended.push('first'));
    for (let i = 0; i < 100; i++) ask(() => ended.push('next'));
    expect(begun()).toBe(1);
    end();
    expect(ended).toEqual(['first']);
    expect(begun()).toBe(2);
    end();
    expect(ended).toHaveLength(101);
    expect(begun()).toBe(2);
  });

  it('the error of a group sync reaches the callers that waited for it, and no others', () => {
    const { ask, end } = manualSync();
    const errors: (string | undefined)[] = [];
    ask((error) => errors.push(error?.message));
    ask((error) => errors.push(error?.message));
    end(new Error('EIO'));
    end();
    expect(errors).toEqual(['EIO', undefined]);
  });

  it('a caller that asks again from its callback gets a later group sync', () => {
    const { ask, end, begun } = manualSync();
    let again = 0;
    ask(() => ask(() => again++));
    end();
    expect([again, begun()]).toEqual([0, 2]);
    end();
    expect(again).toBe(1);
  });
});

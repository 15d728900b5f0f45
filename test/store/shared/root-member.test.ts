/** A process that asks an owner that does not answer, or answers late. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Calls } from '../../../src/base/calls.ts';
import type { Outcome } from '../../../src/store/contract.ts';
import { createRootMember } from '../../../src/store/shared/root-member.ts';
import { run } from '../../../src/store/task.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A member whose owner answers when the test does. */
function silent() {
  const answers: ((value: unknown) => void)[] = [];
  const told: unknown[] = [];
  const calls: Calls = {
    call: <T>() => new Promise<T>((resolve) => answers.push(resolve as (value: unknown) => void)),
    tell: (name, argument) => void told.push([name, argument]),
    closed: new Promise(() => {}),
    close: () => {},
  };
  const member = createRootMember(() => calls);
  return { member, told, answer: (value: unknown) => answers.shift()!(value) };
}

const granted = { ok: true, value: { wasTaken: false, mayBegin: true, stored: null } };
const coded = (code: string) => ({ ok: false, error: expect.objectContaining({ code }) });

describe('a call that waits for the owner', () => {
  it('ends when the owner does not answer, and gives back a key that it gets too late', async () => {
    const { member, told, answer } = silent();
    const acquired = Promise.resolve(run(member.keys.acquire('key', 'put')));
    await vi.advanceTimersByTimeAsync(90_000);
    expect(await acquired).toEqual(coded('unavailable'));
    answer(granted);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([['root.release', { key: 'key', call: 1 }]]);
  });

  it('ends when the store closes, and later ones are refused', async () => {
    const { member, told, answer } = silent();
    const acquired = Promise.resolve(run(member.keys.acquire('key', 'put')));
    const turn = member.askInTurn('quota.commit', { id: 1 }, () => member.tell('given back', 1));
    member.stop();
    expect(await acquired).toEqual(coded('shutting-down'));
    expect(await turn).toEqual(coded('shutting-down'));
    expect(await run(member.keys.acquire('key', 'put'))).toEqual(coded('shutting-down'));
    answer({ ok: false, error: {} });
    answer({ ok: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual([['given back', 1]]);
  });

  it('a call that is answered releases its key itself', async () => {
    const { member, told, answer } = silent();
    const acquired = Promise.resolve(run(member.keys.acquire('key', 'put')));
    answer(granted);
    expect(await acquired).toEqual(granted as Outcome<unknown>);
    expect(told).toEqual([]);
    member.keys.release('key');
    expect(told).toEqual([['root.release', { key: 'key', call: 1 }]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('what is asked of the owner at once is done without, when the owner hangs', async () => {
    const { member } = silent();
    const names = Promise.resolve(run(member.names.since('folder', 0)));
    const keeper = Promise.resolve(run(member.keys.isKeeper()));
    await vi.advanceTimersByTimeAsync(5000);
    expect(await names).toBeUndefined();
    expect(await keeper).toBe(false);
  });
});

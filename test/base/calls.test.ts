import { describe, expect, it } from 'vitest';
import { type CallHandlers, connectCalls } from '../../src/base/calls.ts';
import { channelPair } from '../support/channel-pair.ts';

function connected(handlers: CallHandlers) {
  const pair = channelPair();
  return { ...pair, calls: connectCalls(pair.one, {}), served: connectCalls(pair.other, handlers) };
}

describe('calls between two processes', () => {
  it('a call resolves with what the other side answers, at once or later', async () => {
    const { calls } = connected({
      double: (of: number) => 2 * of,
      later: async ({ of }: { of: number }) => of + 1,
    });
    expect(await Promise.all([calls.call('double', 4), calls.call('later', { of: 4 })])).toEqual([8, 5]);
  });

  it('a call rejects with the message of what the other side throws, and with a name that is unknown there', async () => {
    const { calls } = connected({
      fail: () => {
        throw new Error('the disk is full');
      },
    });
    await expect(calls.call('fail')).rejects.toThrow('the disk is full');
    await expect(calls.call('toString')).rejects.toThrow("nothing is called 'toString' here");
  });

  it('calls arrive in the order in which they were made, and those of one turn as one message', async () => {
    const got: number[] = [];
    const { calls, sent } = connected({ note: (n: number) => void got.push(n) });
    for (const n of [1, 2, 3]) calls.tell('note', n);
    await calls.call('note', 4);
    expect(got).toEqual([1, 2, 3, 4]);
    expect(sent).toHaveLength(2);
  });

  it('a call that waits rejects when the other side is gone, and so does each later one', async () => {
    const { calls, cut } = connected({ never: () => new Promise(() => {}) });
    const waiting = calls.call('never');
    cut();
    await expect(waiting).rejects.toMatchObject({ name: 'StateError', code: 'closed' });
    await calls.closed;
    await expect(calls.call('never')).rejects.toMatchObject({ code: 'closed' });
  });

  it('a side that has closed answers nothing more', async () => {
    const asked: string[] = [];
    const { calls, served } = connected({ ask: () => void asked.push('ask') });
    await calls.call('ask');
    served.close();
    calls.tell('ask');
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(asked).toEqual(['ask']);
  });
});

/** Several captures are read as one, by the times of their packets. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Capture, captureOf } from '../../src/capture/capture.ts';
import { mergePackets } from '../../src/capture/merge-packets.ts';
import { pcapBytes } from '../support/captures/capture-bytes.ts';

const bytesOf = (times: readonly number[]): Uint8Array =>
  pcapBytes({
    packets: times.map((time) => ({ bytes: Uint8Array.of(time), time: BigInt(time) })),
    nano: true,
  });

async function read(captures: readonly Capture[], isRepeatable = true) {
  const numbers: number[] = [];
  const times: number[] = [];
  let fault: unknown = null;
  try {
    const merged = captures.map((capture) => ({ capture, isRepeatable }));
    for await (const batch of mergePackets(merged)) {
      expect(batch.length).toBeGreaterThan(0);
      for (const { number, time, bytes } of batch) {
        expect(bytes).toEqual(Uint8Array.of(Number(time)));
        numbers.push(number);
        times.push(Number(time));
      }
    }
  } catch (thrown) {
    fault = thrown;
  }
  return { times, numbers, fault };
}

/** A capture in small blocks, which counts how often it is open. */
function watched(times: readonly number[], open: { now: number; most: number }): Capture {
  const bytes = bytesOf(times);
  return {
    name: 'watched',
    async *blocks() {
      open.now++;
      open.most = Math.max(open.most, open.now);
      try {
        for (let at = 0; at < bytes.length; at += 20) yield bytes.subarray(at, at + 20);
      } finally {
        open.now--;
      }
    },
  };
}

describe('merging captures', () => {
  test('the packets of all captures come in the order of their times, numbered anew', async () => {
    const sorted = fc.array(fc.nat(250), { maxLength: 30 }).map((times) => times.sort((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(fc.array(sorted, { minLength: 1, maxLength: 5 }), fc.boolean(), async (all, twice) => {
        const open = { now: 0, most: 0 };
        const merged = await read(
          all.map((times) => watched(times, open)),
          twice,
        );
        expect(merged.fault).toBeNull();
        expect(merged.times).toEqual(all.flat().sort((a, b) => a - b));
        expect(merged.numbers).toEqual(merged.times.map((_, at) => at + 1));
        expect(open.now).toBe(0);
      }),
    );
  });

  test('rotated files are open one after the other, whatever order they are named in', async () => {
    const open = { now: 0, most: 0 };
    const files = [7, 1, 4].map((time) => watched([time, time + 1, time + 2], open));
    expect((await read(files)).times).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(open.most).toBeLessThanOrEqual(2);
  });

  test('a capture that is damaged ends there, and its fault comes behind the packets of all', async () => {
    const cut = captureOf(bytesOf([1, 3, 5]).subarray(0, 24 + 17 + 17 + 8), 'cut.pcap');
    const { times, fault } = await read([cut, captureOf(bytesOf([2, 6]))]);
    expect(times).toEqual([1, 2, 3, 6]);
    expect(fault).toMatchObject({ code: 'truncated', message: expect.stringContaining('cut.pcap: at byte') });
  });

  test('captures without a first packet do not keep the others back, and the fault behind them names each', async () => {
    const capturesWith = (...bytes: readonly Uint8Array[]) =>
      bytes.map((it, at) => captureOf(it, `${at}.pcap`));
    const cut = bytesOf([1]).subarray(0, 24 + 8);
    const captures = capturesWith(new Uint8Array(0), bytesOf([1, 3]), cut, bytesOf([2]), bytesOf([]));
    for (const isRepeatable of [true, false]) {
      const { times, fault } = await read(captures, isRepeatable);
      expect(times).toEqual([1, 2, 3]);
      expect(fault).toMatchObject({ code: 'not-a-capture' });
      expect((fault as Error).message).toMatch(/^0\.pcap: at byte 0: .*; 2\.pcap: at byte 24: /);
    }
  });

  test('more than 64 captures of the same time are refused, and all of them are closed', async () => {
    const open = { now: 0, most: 0 };
    const { fault } = await read(Array.from({ length: 70 }, () => watched([1, 250], open)));
    expect(fault).toMatchObject({
      code: 'unreadable',
      message: expect.stringContaining('the same time as 64'),
    });
    expect(open.now).toBe(0);
  });
});

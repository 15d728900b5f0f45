/** What reading holds: never more than a block of input and one record, whatever the length of the file. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Capture } from '../../src/capture/capture.ts';
import { captureOf } from '../../src/capture/capture.ts';
import { BATCH_PACKETS_MAX } from '../../src/capture/format/records.ts';
import { readPackets } from '../../src/capture/read-packets.ts';
import { block, enhanced, interfaceOf, pcapBytes, pcapngBytes } from '../support/captures/capture-bytes.ts';
import { counting, readCapture } from '../support/captures/read-capture.ts';

const MiB = 1024 * 1024;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** The bytes that are held: what is freed of buffers is counted a turn later. */
const held = async (): Promise<number> => {
  collect();
  await new Promise(setImmediate);
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

/** A file of that length: a beginning, and then the same bytes over and over, in blocks of 1 MiB cut anywhere. */
function long(beginning: Uint8Array, repeated: Uint8Array, length: number): Capture {
  return {
    name: 'long',
    async *blocks() {
      yield beginning;
      for (let at = 0; at < length; at += MiB) {
        const bytes = new Uint8Array(MiB);
        // Whole copies, and at the ends what is left of one.
        for (let to = -(at % repeated.length); to < MiB; to += repeated.length) {
          bytes.set(repeated.subarray(Math.max(0, -to), MiB - to), Math.max(0, to));
        }
        yield bytes;
      }
    },
  };
}

test.each([
  ['of small packets', 60],
  ['of large packets', 65_000],
  ['of packets longer than a block', 3 * MiB],
])('a long capture %s is read in little memory', async (_, size) => {
  const begin = pcapBytes({ packets: [] });
  const packet = pcapBytes({ packets: [{ bytes: new Uint8Array(size) }] }).subarray(24);
  const length = 96 * MiB;
  const before = await held();
  let most = 0;
  let count = 0;
  let looks = 0;
  try {
    for await (const packets of readPackets(long(begin, packet, length))) {
      count += packets.length;
      // To look is a collection of all that there is, and takes far longer than to read.
      if (count * packet.length < looks * 3 * MiB) continue;
      looks += 1;
      most = Math.max(most, (await held()) - before);
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'truncated' });
  }
  expect(count).toBe(Math.floor(length / packet.length));
  expect(looks).toBeGreaterThan(20);
  expect(most).toBeLessThan(16 * MiB);
});

test('a block of 1 GiB without packets is skipped without being held', async () => {
  const length = 1024 * MiB;
  const begin = pcapngBytes([interfaceOf(), { ...block(0x99, new Uint8Array(0)), lengths: [length, 0] }]);
  const before = await held();
  let most = 0;
  const capture: Capture = {
    name: 'long',
    async *blocks() {
      // The type and the length of the block, without its end.
      yield begin.subarray(0, begin.length - 4);
      const zeros = new Uint8Array(MiB);
      for (let left = length - 12; left > 0; left -= MiB) {
        yield zeros.subarray(0, Math.min(left, MiB));
        if (left % (256 * MiB) < MiB) most = Math.max(most, (await held()) - before);
      }
      const end = new Uint8Array(4);
      new DataView(end.buffer).setUint32(0, length, true);
      yield end;
      yield pcapngBytes([enhanced({ bytes: counting(5) })]).subarray(28);
    },
  };
  const { packets, fault } = await readCapture(capture);
  expect(fault).toBeNull();
  expect(packets.map(({ bytes }) => bytes)).toEqual([counting(5)]);
  expect(packets[0]!.position).toBe(begin.length - 12 + length);
  expect(most).toBeLessThan(8 * MiB);
});

test('a whole capture in one block is handed out in batches of bounded length', async () => {
  const packets = new Array(BATCH_PACKETS_MAX * 2 + 7).fill({ bytes: new Uint8Array(0) });
  const { batches, packets: found } = await readCapture(captureOf(pcapBytes({ packets })));
  expect(batches).toEqual([BATCH_PACKETS_MAX, BATCH_PACKETS_MAX, 7]);
  expect(found.at(-1)!.number).toBe(packets.length);
});

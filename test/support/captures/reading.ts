/** Reads a capture to its end, for tests: the packets, and the fault it ended with. */
import type { Capture } from '../../../src/capture/capture.ts';
import { type CaptureFault, isCaptureFault } from '../../../src/capture/capture-fault.ts';
import type { Packet } from '../../../src/capture/packet.ts';
import { readPackets } from '../../../src/capture/read-packets.ts';

export interface Reading {
  readonly packets: readonly Packet[];
  readonly fault: CaptureFault | null;
  /** How many packets each batch had. */
  readonly batches: readonly number[];
}

/** Whatever is thrown that is no fault is thrown on. */
export async function readingOf(capture: Capture): Promise<Reading> {
  const packets: Packet[] = [];
  const batches: number[] = [];
  try {
    for await (const batch of readPackets(capture)) {
      batches.push(batch.length);
      packets.push(...batch);
    }
  } catch (error) {
    if (!isCaptureFault(error)) throw error;
    return { packets, fault: error, batches };
  }
  return { packets, fault: null, batches };
}

/** A capture of bytes that are handed out in blocks of these lengths, and what is left in one more. */
export function inBlocks(bytes: Uint8Array, lengths: Iterable<number>): Capture {
  return {
    name: 'test',
    async *blocks() {
      let at = 0;
      for (const length of lengths) {
        yield bytes.slice(at, at + length);
        at += length;
      }
      if (at < bytes.length) yield bytes.slice(at);
    },
  };
}

/** The bytes 0, 1, 2 … */
export function counting(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => from + index);
}

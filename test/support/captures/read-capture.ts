/** Reads a capture to its end: the packets, and the fault that ended it. */
import type { Capture } from '../../../src/capture/capture.ts';
import { CaptureError } from '../../../src/capture/capture-fault.ts';
import type { Packet } from '../../../src/capture/packet.ts';
import { readPackets } from '../../../src/capture/read-packets.ts';

export interface CaptureContents {
  readonly packets: readonly Packet[];
  readonly fault: CaptureError | null;
  /** The number of packets in each batch. */
  readonly batches: readonly number[];
}

/** Throws whatever the reading throws that is no `CaptureError`. */
export async function readCapture(capture: Capture): Promise<CaptureContents> {
  const packets: Packet[] = [];
  const batches: number[] = [];
  try {
    for await (const batch of readPackets(capture)) {
      batches.push(batch.length);
      packets.push(...batch);
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { packets, fault: error, batches };
  }
  return { packets, fault: null, batches };
}

/** A capture that gives its bytes in blocks of these lengths, and the rest in one more. */
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

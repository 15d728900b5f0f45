/**
 * Reads the packets of a capture in batches. The first bytes show whether it is pcap or pcapng.
 *
 * Memory at any time: a block of input, its packets (views of it), and at most one record that lies across
 * blocks (`PACKET_BYTES_MAX`), whatever the length of the file.
 */
import { concatBytes } from '../base/bytes.ts';
import type { Capture } from './capture.ts';
import { CaptureError, type CaptureFaultCode, isCaptureFault } from './capture-fault.ts';
import { byteView } from './format/record-format.ts';
import { createRecords, type Records } from './format/records.ts';
import { SNIFF_BYTES, sniff } from './format/sniff.ts';
import type { Packet } from './packet.ts';

/**
 * Reads a capture's packets, in the order of the file.
 *
 * A batch is never empty, and is made of one block of input; there is one asynchronous step a batch, never one a
 * packet. A packet in a pcapng file that has no time of its own (Simple Packet Block) has the time 0.
 *
 * @returns packets; throws a `CaptureError` when the file is damaged, cut, or not a capture, after everything that
 * came before the damage was yielded. Ending the iteration early closes the capture.
 * @example
 * for await (const packets of readPackets(captureFile('traffic.pcapng'))) {
 *   for (const { number, time, bytes } of packets) console.log(number, time, bytes.length);
 * }
 */
export async function* readPackets(capture: Capture): AsyncGenerator<readonly Packet[], void, undefined> {
  const errorAt = (code: CaptureFaultCode, position: number, what: string, after: number): CaptureError =>
    new CaptureError({ code, message: `${capture.name}: at byte ${position}: ${what}`, position, after });
  let records: Records | null = null;
  /** The first bytes, while there are too few to detect the format: fewer than `SNIFF_BYTES`. */
  let head: Uint8Array = new Uint8Array(0);

  const begin = (): Records => {
    const format = sniff(head.subarray(0, SNIFF_BYTES));
    if (typeof format === 'string') throw errorAt('not-a-capture', 0, format, 0);
    return createRecords(format);
  };

  function* take(from: Records, block: Uint8Array): Generator<readonly Packet[]> {
    const view = byteView(block);
    for (let next = 0; next < block.length; ) {
      const { packets, at, fault } = from.take(view, next);
      if (packets.length > 0) yield packets;
      if (fault !== null) throw errorAt(fault.code, fault.position, fault.what, from.last);
      next = at;
    }
  }

  try {
    for await (const block of capture.blocks()) {
      if (records === null) {
        head = head.length === 0 ? block : concatBytes([head, block]);
        if (head.length < SNIFF_BYTES) continue;
        records = begin();
        const first = head;
        head = new Uint8Array(0);
        yield* take(records, first);
      } else {
        yield* take(records, block);
      }
    }
  } catch (error) {
    // The code that reads the bytes does not know how many packets were read.
    if (!isCaptureFault(error)) throw error;
    const { fault, cause } = error instanceof CaptureError ? error : new CaptureError(error);
    throw new CaptureError({ ...fault, after: records?.last ?? fault.after }, { cause });
  }
  if (records === null) {
    records = begin();
    yield* take(records, head);
  }
  const fault = records.end();
  if (fault !== null) throw errorAt(fault.code, fault.position, fault.what, records.last);
}

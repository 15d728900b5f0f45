/**
 * The packets of a capture, pulled in batches: pcap or pcapng, told apart by their first bytes.
 *
 * What is held at a time is a block of input, its packets (views of it), and at most one record that lies across
 * blocks (`MAX_PACKET`), whatever the length of the file.
 */
import { concatBytes } from '../base/bytes.ts';
import type { Capture } from './capture.ts';
import type { CaptureFault, CaptureFaultCode } from './capture-fault.ts';
import { isCaptureFault } from './capture-fault.ts';
import { pieceOf } from './format/record-format.ts';
import { createRecords, type Records } from './format/records.ts';
import { SNIFFED, sniff } from './format/sniff.ts';
import type { Packet } from './packet.ts';

/**
 * Reads a capture's packets, in the order of the file.
 *
 * A batch is never empty, and is made of one block of input; there is one asynchronous step a batch, never one a
 * packet. A packet in a pcapng file that has no time of its own (Simple Packet Block) has the time 0.
 *
 * @returns packets; throws a `CaptureFault` when the file is damaged, cut, or not a capture, after everything that
 * came before the damage was handed out. Ending the iteration early closes the capture.
 * @example
 * for await (const packets of readPackets(captureFile('traffic.pcapng'))) {
 *   for (const { number, time, bytes } of packets) console.log(number, time, bytes.length);
 * }
 */
export async function* readPackets(capture: Capture): AsyncGenerator<readonly Packet[], void, undefined> {
  const fault = (code: CaptureFaultCode, position: number, what: string, after: number): CaptureFault => ({
    code,
    message: `${capture.name}: at byte ${position}: ${what}`,
    position,
    after,
  });
  let records: Records | null = null;
  /** The first bytes, while there are fewer of them than are needed to tell the format: below `SNIFFED`. */
  let head: Uint8Array = new Uint8Array(0);

  const begin = (): Records => {
    const format = sniff(head.subarray(0, SNIFFED));
    if (typeof format === 'string') throw fault('not-a-capture', 0, format, 0);
    return createRecords(format);
  };

  function* take(from: Records, block: Uint8Array): Generator<readonly Packet[]> {
    const piece = pieceOf(block);
    for (let next = 0; next < block.length; ) {
      const { packets, at, broken } = from.take(piece, next);
      if (packets.length > 0) yield packets;
      if (broken !== null) throw fault(broken.code, broken.position, broken.what, from.last);
      next = at;
    }
  }

  try {
    for await (const block of capture.blocks()) {
      if (records === null) {
        head = head.length === 0 ? block : concatBytes([head, block]);
        if (head.length < SNIFFED) continue;
        records = begin();
        const first = head;
        head = new Uint8Array(0);
        yield* take(records, first);
      } else {
        yield* take(records, block);
      }
    }
  } catch (error) {
    // Whoever reads the bytes does not know of packets.
    if (isCaptureFault(error) && records !== null) throw { ...error, after: records.last };
    throw error;
  }
  if (records === null) {
    records = begin();
    yield* take(records, head);
  }
  const broken = records.end();
  if (broken !== null) throw fault(broken.code, broken.position, broken.what, records.last);
}

/**
 * A recording of network traffic, as a source of bytes. Everything in this folder begins with one.
 *
 * ```text
 *  capture ──blocks──▶ packets ──▶ segments ──▶ stream events ──▶ frames, a replay, a page
 *  (bytes)             pcap,       link, IP,    ordered bytes,
 *                      pcapng      TCP          gaps, ends
 * ```
 *
 * Everything is pulled: a consumer that is slow is a file that is read slowly, so nothing grows.
 */
import { check, checkFields, optional, RECORD, TEXT, withMethods } from '../wire/argument.ts';
import { type BytesLike, bytesOf } from '../wire/bytes.ts';

/**
 * Recorded packets, in the pcap or the pcapng format: what `captureFile` and `captureOf` make, and what everything that
 * reads a recording takes. A source of your own needs no more than these two fields.
 */
export interface Capture {
  /** How messages name it: the path of a file, say. */
  readonly name: string;
  /**
   * The bytes from the beginning, in blocks of any length. A block is never modified after it was handed out, so
   * views of it may be kept (unless that was given up for speed, see `captureFile`). May be called again, unless the
   * source can be read only once (a pipe): then the second iteration throws.
   */
  blocks(): AsyncIterable<Uint8Array>;
  /**
   * Whether blocks are written into again once the next one was asked for. Then what is made of them (packets, chunks)
   * may be looked at only until the next batch is asked for. Default false.
   */
  readonly reused?: boolean;
}

const CAPTURE = withMethods('a capture, such as captureFile or captureOf makes', ['blocks']);

/**
 * Checks the arguments of a public function that reads a capture.
 *
 * @param by the name of that function, for the message.
 * @throws TypeError when the capture is none, or the options are no object.
 */
export function checkCapture(by: string, capture: Capture, options: unknown = {}): void {
  check(`${by}: the capture`, capture, CAPTURE);
  checkFields(by, options, { streams: optional(RECORD) });
}

/**
 * A capture that is in memory: the bytes of a whole file, pcap or pcapng, compressed or not.
 *
 * @param name how messages name it; default `capture`.
 * @throws TypeError when the bytes are none.
 * @example
 * for await (const events of readStreams(captureOf(bytes, 'upload.pcap'))) console.log(events.length);
 */
export function captureOf(given: BytesLike, name = 'capture'): Capture {
  const bytes = bytesOf(given, 'a capture');
  check('captureOf: the name', name, TEXT);
  return {
    name,
    async *blocks() {
      yield bytes;
    },
  };
}

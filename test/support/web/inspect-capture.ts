/** Captures that have something to see, as the tests of the page make them. */
import { handshake, pcapOf, segments } from '../captures/tcp-pcap.ts';

/** Frames with a length of two bytes in front: of 3, 1 and 6 bytes, and then one of 100. */
export const framed = Buffer.concat([
  Buffer.from([0, 3, 97, 98, 99, 0, 1, 100, 0, 6, 101, 102, 103, 104, 105, 106, 0, 100]),
  Buffer.from(`needle ${'haystack '.repeat(20)}`.slice(0, 100)),
]);

/** What reads its frames. */
export const FIELDS = 'width=2,endian=big';

/**
 * Three conversations: one whose frames are glued and cut; one with a gap that loses the framing; and one in which bytes
 * came twice and differed.
 */
export const eventfulCapture = (): Buffer =>
  pcapOf(
    [
      ...handshake(0),
      ...segments(0, 'client', framed, [11, 2, 3, 1000]),
      ...segments(0, 'server', Uint8Array.of(0, 2, 111, 107), [100]),
      ...handshake(1),
      ...segments(1, 'client', framed, [7, 5, 1000]).filter((_, i) => i !== 1),
      ...handshake(2),
      ...segments(2, 'client', framed, [1000]),
      { connection: 2, from: 'client', position: 30, bytes: Uint8Array.of(1, 2, 3) },
      { connection: 2, from: 'client', position: 0, bytes: framed.subarray(0, 18) },
    ],
    7000,
  );

/** Segments as such: what they bring, and copies of them. */
import { type Segment, TCP_FIN } from '../segment.ts';

const nothing = new Uint8Array(0);

/** Whether something is lost when it does not count: bytes, or a FIN. */
export const isSomething = ({ flags, length }: Segment): boolean => length > 0 || (flags & TCP_FIN) !== 0;

/**
 * A copy to be kept, with the first `bytes` of its payload, and without its packet's: a view keeps all of its block of
 * the file alive, and the block may be read into again.
 */
export const copied = (segment: Segment, bytes = segment.payload.length): Segment => ({
  ...segment,
  packet: { ...segment.packet, bytes: nothing },
  payload: bytes === 0 ? nothing : new Uint8Array(segment.payload.subarray(0, bytes)),
});

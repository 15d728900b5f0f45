/** Enters a tunnel: what a reading is at from there on is inside of it. */
import type { NoSegment } from '../../segment.ts';
import { type PacketCursor, skip } from '../packet-cursor.ts';
import { TUNNEL_DEPTH_MAX } from './tunnel-table.ts';

/**
 * Called between the header of a tunnel and what it carries, while the addresses of its ends are those of the cursor.
 *
 * @param kind its name, for messages.
 * @param id the number that its header has for both directions, or `NO_ID`.
 */
export function enterTunnel(cursor: PacketCursor, kind: string, id: number): NoSegment | null {
  if (cursor.depth === TUNNEL_DEPTH_MAX) {
    return skip(cursor, 'other', `${kind} in ${TUNNEL_DEPTH_MAX} other tunnels, one in another`);
  }
  cursor.tunnel = cursor.tunnels.numberOf(cursor, kind, id);
  cursor.depth += 1;
  cursor.within = kind;
  return null;
}

/** Counts the packets that are in no stream by their reason, in bounded memory. */
import type { NoSegment } from './segment.ts';
import type { PacketsUnread, UnreadReason } from './stream-event.ts';

/**
 * The most reasons that are counted at once. To make room for another one, the half with the fewest packets is
 * forgotten, so that a frequent reason is reported even when it comes late.
 */
const REASONS_MAX = 256;

export interface Unread {
  /** Counts a packet that is no segment, or those that it stands for. */
  take(unread: NoSegment): void;
  /** Null when there was none. */
  event(): PacketsUnread | null;
}

type Count = { -readonly [key in keyof UnreadReason]: UnreadReason[key] };

/**
 * @example
 * const unread = createUnread();
 * unread.take(noSegment);
 * unread.event(); // { type: 'unread', packets: 1, reasons: [{ why: 'other', message: 'EtherType 0x0806, ARP', … }], …
 * }
 */
export function createUnread(): Unread {
  /** By their messages, which no two kinds share. At most `REASONS_MAX`. */
  const counts = new Map<string, Count>();
  let packets = 0;
  let others = 0;

  /** The reasons with the most packets first; of equals, the one that came first. */
  const ranked = (): Count[] => [...counts.values()].sort((a, b) => b.packets - a.packets);

  function forgetRarest(): void {
    for (const { message, packets: forgotten } of ranked().slice(REASONS_MAX / 2)) {
      counts.delete(message);
      others += forgotten;
    }
  }

  return {
    take({ packet, packets: more = 1, reason, skipped }) {
      packets += more;
      const count = counts.get(reason);
      if (count !== undefined) {
        count.packets += more;
        return;
      }
      if (counts.size === REASONS_MAX) forgetRarest();
      counts.set(reason, { why: skipped, message: reason, packets: more, firstPacket: packet.number });
    },
    event: () => (packets === 0 ? null : { type: 'unread', packets, reasons: ranked(), others }),
  };
}

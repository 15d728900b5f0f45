/** The bounds of the search for a place where frames begin: of its work, and of what it holds. */
import { describe, expect, test } from 'vitest';
import {
  HELD_BYTES_MAX,
  HELD_BYTES_MAX_ALL,
  type HeldTotal,
} from '../../../src/capture/inspect/resync/held.ts';
import type { PlausibleHeads } from '../../../src/capture/inspect/resync/plausible-heads.ts';
import { plausiblePostgres } from '../../../src/capture/inspect/resync/postgres-heads.ts';
import {
  endSearch,
  isInVain,
  SEARCHED_BYTES_MAX,
  type Search,
  searchChunk,
  startSearch,
} from '../../../src/capture/inspect/resync/search.ts';
import { plausibleSmb } from '../../../src/capture/inspect/resync/smb-heads.ts';
import { plausibleTls } from '../../../src/capture/inspect/resync/tls-heads.ts';
import type { StreamChunk } from '../../../src/capture/stream-event.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';

const PACKET_BYTES = 16_384;

const searchOf = (heads: PlausibleHeads, total: HeldTotal): Search =>
  startSearch(heads, 'client', 'gap', 0, total);

/** A packet that begins with the head of an SMB message of 16 MiB, so that all behind it is held. */
function longMessage(): Uint8Array {
  const bytes = new Uint8Array(PACKET_BYTES);
  bytes.set([0, 0xff, 0xff, 0xff, 0xfe, 0x53, 0x4d, 0x42, 64, 0]);
  return bytes;
}

describe('a search', () => {
  test('a search holds no more than 4 MiB of a side, whatever heads it finds, and nothing at its end', () => {
    const { send } = conversationEvents();
    const total = { bytes: 0 };
    const search = searchOf(plausibleSmb, total);
    let most = 0;
    for (let i = 0; i < 800; i++) {
      expect(searchChunk(search, send('client', longMessage()) as StreamChunk)).toBeNull();
      most = Math.max(most, total.bytes);
    }
    expect(most).toBeGreaterThan(HELD_BYTES_MAX / 2);
    expect(most).toBeLessThanOrEqual(HELD_BYTES_MAX + 2 * PACKET_BYTES);
    expect(endSearch(search, 'ended')).toBeNull();
    expect(total.bytes).toBe(0);
  });

  test('searches of many sides hold no more than 64 MiB together', () => {
    const total = { bytes: 0 };
    const sides = Array.from({ length: 40 }, (_, i) => ({
      search: searchOf(plausibleSmb, total),
      events: conversationEvents(i),
    }));
    let most = 0;
    for (let i = 0; i < 150; i++) {
      for (const { search, events } of sides) {
        searchChunk(search, events.send('client', longMessage()) as StreamChunk);
        most = Math.max(most, total.bytes);
      }
    }
    expect(most).toBeGreaterThan(HELD_BYTES_MAX_ALL / 2);
    expect(most).toBeLessThanOrEqual(HELD_BYTES_MAX_ALL + 40 * PACKET_BYTES);
  });

  test.each([
    ['every place might be a head', plausiblePostgres, [0x64, 0, 0, 0]],
    ['every head is expected', plausibleTls, [3, 3, 3, 3, 23]],
  ])('a search looks at each place once, also where %s', (_, heads, pattern) => {
    const { send } = conversationEvents();
    let looks = 0;
    const counting: PlausibleHeads = {
      ...heads,
      headAt(...where) {
        looks++;
        return heads.headAt(...where);
      },
    };
    const search = searchOf(counting, { bytes: 0 });
    const bytes = Uint8Array.from({ length: PACKET_BYTES }, (_each, i) => pattern[i % pattern.length]!);
    for (let i = 0; i < 8; i++) searchChunk(search, send('client', bytes) as StreamChunk);
    expect(looks).toBeGreaterThan(PACKET_BYTES);
    expect(looks).toBeLessThanOrEqual(8 * PACKET_BYTES);
  });

  test('a search is given up when 64 MiB were looked at in vain, gaps not counted', () => {
    const search = searchOf(plausibleTls, { bytes: 0 });
    search.at = SEARCHED_BYTES_MAX + 1;
    expect(isInVain(search)).toBe(true);
    search.missing = 1;
    expect(isInVain(search)).toBe(false);
  });
});

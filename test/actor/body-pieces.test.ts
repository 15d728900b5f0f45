/** How long the pieces of a body are: long ones cost less, and what bounds a connection is kept to by the piece. */
import { concat, NEVER, of } from 'rxjs';
import { expect, test, vi } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import type { ActorLimits } from '../../src/actor/limits.ts';
import { serveActors } from '../../src/actor/serve-actors.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { lengthField } from '../../src/wire/length-field.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const BODY = 3 * MiB;

/** The length of the longest piece of a body, all of which came in one chunk. */
async function longestPiece(limits: Partial<ActorLimits>): Promise<number> {
  const chunk = new Uint8Array(4 + BODY);
  new DataView(chunk.buffer).setUint32(0, BODY);
  let longest = 0;
  let bytes = 0;
  const actor = defineActor()({
    codec: lengthField({ width: 4, maxLength: BODY, delivery: 'stream' }),
    reduce: (state, event) => {
      if (event.type === 'data') {
        longest = Math.max(longest, event.bytes.length);
        bytes += event.bytes.length;
      }
      return { state };
    },
  });
  const [connection] = memoryPair();
  const arriving = { ...connection, chunks$: concat(of(chunk), NEVER) };
  const running = serveActors({
    connections$: of({ type: 'connection', connection: arriving }),
    actor,
    limits,
  }).subscribe();
  await vi.waitFor(() => expect(bytes).toBe(BODY));
  running.unsubscribe();
  return longest;
}

test('a body comes in pieces of a megabyte while there is room for them', async () => {
  expect(await longestPiece({})).toBe(MiB);
});

test('a body comes in short pieces where bytes a second are limited, since the rate is kept to by the piece', async () => {
  expect(await longestPiece({ bytesPerSecond: 1e9 })).toBe(64 * KiB);
});

test('a body comes in short pieces where a long one would be more than its connection may hold', async () => {
  expect(await longestPiece({ window: { high: MiB, low: 512 * KiB } })).toBe(64 * KiB);
});

test('a body comes in short pieces where a long one would be more than all connections may hold', async () => {
  expect(await longestPiece({ budget: { high: MiB, low: 512 * KiB } })).toBe(64 * KiB);
});

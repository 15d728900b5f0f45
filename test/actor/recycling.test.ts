/** The memory of a connection: what is given back to be received into again is never read again. */
import { fc, test as property } from '@fast-check/vitest';
import { map, of } from 'rxjs';
import { expect } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import { serveActors } from '../../src/actor/serve-actors.ts';
import type { Connection } from '../../src/transport/connection.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import type { Codec } from '../../src/wire/codec.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { cases } from '../support/random/cases.ts';
import { ascii, concat, cutAt } from '../wire/stream.ts';

/** A connection that overwrites the memory of a chunk as soon as all of it was recycled. */
function overwriting(connection: Connection) {
  const left = new Map<ArrayBufferLike, number>();
  const recycled = { chunks: 0 };
  return {
    recycled,
    connection: {
      ...connection,
      chunks$: connection.chunks$.pipe(
        map((chunk) => {
          const own = chunk.slice();
          left.set(own.buffer, own.length);
          return own;
        }),
      ),
      recycle: (chunk: Uint8Array, count: number) => {
        const bytes = left.get(chunk.buffer);
        if (bytes === undefined) return;
        expect(count).toBeLessThanOrEqual(bytes);
        left.set(chunk.buffer, bytes - count);
        if (bytes > count) return;
        left.delete(chunk.buffer);
        recycled.chunks++;
        new Uint8Array(chunk.buffer).fill(0xee);
      },
      pinsMemory: () => true,
    } satisfies Connection,
  };
}

type Message = string | Uint8Array;

/** Echoes lines; after the line `frames` it echoes frames, and the pieces of bodies a while after they have come. */
const upgrading = defineActor<{
  state: readonly number[];
  effect: { readonly type: 'later'; readonly bytes: Uint8Array };
  result: readonly number[];
}>()({
  codec: lines({ maxLength: 100 }) as unknown as Codec<Message, Message, unknown>,
  initial: () => [],
  reduce: (state, event) => {
    switch (event.type) {
      case 'message':
        if (event.message !== 'frames') return { state, effects: [{ type: 'send', message: event.message }] };
        return {
          state,
          effects: [
            { type: 'useCodec', codec: lengthField({ width: 1, maxLength: 255, delivery: 'stream' }) },
          ],
        };
      case 'data':
        return { state, effects: [{ type: 'later', bytes: event.bytes }] };
      case 'result':
        return { state, effects: [{ type: 'send', message: Uint8Array.from(event.value) }] };
      default:
        return { state };
    }
  },
  // The bytes of a body are lent until the effect has ended: here they are looked at late.
  perform: async ({ bytes }) => {
    await new Promise(setImmediate);
    return [...bytes];
  },
});

property.prop(
  [
    fc.array(fc.stringMatching(/^[a-z]{0,20}$/), { maxLength: 10 }),
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 10 }),
    fc.array(fc.nat(400), { maxLength: 8 }),
  ],
  { numRuns: cases(150) },
)(
  'no message and no piece of a body is overwritten before its time, and all memory is given back',
  async (texts, bodies, cuts) => {
    const [here, there] = memoryPair();
    const { connection, recycled } = overwriting(there);
    const done = new Promise<void>((resolve) => {
      serveActors({ connections$: of({ type: 'connection', connection }), actor: upgrading }).subscribe({
        complete: resolve,
      });
    });
    const lineOf = (text: string) => ascii(`${text}\n`);
    const frameOf = (body: Uint8Array) => concat(Uint8Array.of(body.length), body);
    const stream = concat(...texts.map(lineOf), lineOf('frames'), ...bodies.map(frameOf));
    const chunks = cutAt(stream, cuts).filter((chunk) => chunk.length > 0);
    for (const chunk of chunks) here.write([chunk], () => {});
    here.end();
    const received: Uint8Array[] = [];
    await here.chunks$.forEach((chunk) => void received.push(chunk));
    await done;
    const echoed = concat(...received);
    const expectedLines = concat(...texts.filter((text) => text !== 'frames').map(lineOf));
    expect(echoed.subarray(0, expectedLines.length)).toEqual(expectedLines);
    const pieces: Uint8Array[] = [];
    for (let at = expectedLines.length; at < echoed.length; at += 1 + echoed[at]!)
      pieces.push(echoed.subarray(at + 1, at + 1 + echoed[at]!));
    expect(concat(...pieces)).toEqual(concat(...bodies));
    expect(recycled.chunks).toBe(chunks.length);
  },
);

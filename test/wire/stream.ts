/**
 * What the tests of the deframer share: streams, ways to cut them, and what came out, told without the cuts.
 */
import { fc } from '@fast-check/vitest';
import { finish, initialDeframeState, step } from '../../src/wire/deframe/deframe-step.ts';
import type { FrameEvent } from '../../src/wire/frame-event.ts';
import type { Framing } from '../../src/wire/framing.ts';

export const bytesOf = (...values: number[]): Uint8Array => Uint8Array.from(values);

export const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The stream in chunks that begin at the given places (in any order; repeated ones make empty chunks). */
export function cutAt(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const bounds = [0, ...places.map((place) => Math.min(place, stream.length)), stream.length].sort(
    (a, b) => a - b,
  );
  // Copies, each in a buffer of its own, as from a socket.
  return bounds.slice(1).map((to, i) => stream.slice(bounds[i], to));
}

export const byteByByte = (stream: Uint8Array): Uint8Array[] => Array.from(stream, (byte) => bytesOf(byte));

/** Ways to cut any stream: few places or many, clustered or not. */
export const cuts = fc.oneof(
  fc.array(fc.nat(40), { maxLength: 12 }),
  fc.array(fc.nat(2000), { maxLength: 40 }),
  fc.constant(Array.from({ length: 2000 }, (_, i) => i)),
);

/** Every event of the stream in these chunks, with those of its end. */
export function eventsOf<H>(framing: Framing<H>, chunks: readonly Uint8Array[]): FrameEvent<H>[] {
  const all: FrameEvent<H>[] = [];
  let state = initialDeframeState<H>();
  for (const chunk of chunks) {
    const stepped = step(framing, state, chunk);
    state = stepped.state;
    all.push(...stepped.events);
  }
  all.push(...finish(framing, state).events);
  return all;
}

/** One frame, or one fault, as it is whatever the chunks were. */
export type Told<H> =
  | {
      readonly header: H;
      readonly delivery: 'stream' | 'skip' | 'whole';
      readonly length: number;
      readonly head: number;
      readonly position: number;
      readonly body: number[];
      readonly ended: boolean;
    }
  | {
      readonly fault: string;
      readonly fatal: boolean;
      readonly declared: number | bigint | null;
      readonly limit: number | null;
      readonly position: number;
    };

/** The events with the pieces of each body put together. Throws when they are out of order. */
export function tell<H>(events: readonly FrameEvent<H>[]): Told<H>[] {
  const told: Told<H>[] = [];
  let open: (Told<H> & { body: number[]; ended: boolean }) | null = null;
  let over = false;
  for (const event of events) {
    if (over) throw new Error(`${event.type} after a fatal fault`);
    if (event.type === 'start') {
      if (open !== null) throw new Error('start within a frame');
      const { header, delivery, length, head, position } = event;
      open = { header, delivery, length, head, position, body: [], ended: false };
      told.push(open);
    } else if (event.type === 'frame') {
      if (open !== null) throw new Error('frame within a frame');
      const { header, head, position, body } = event;
      const length = body.length;
      told.push({ header, delivery: 'whole', length, head, position, body: [...body], ended: true });
    } else if (event.type === 'data') {
      if (open === null || event.bytes.length === 0) throw new Error('data outside a frame, or none');
      open.body.push(...event.bytes);
    } else if (event.type === 'end') {
      if (open === null) throw new Error('end outside a frame');
      open.ended = true;
      open = null;
    } else {
      const { code, fatal, declared, limit, position } = event.fault;
      told.push({ fault: code, fatal, declared, limit, position });
      over = fatal;
    }
  }
  return told;
}

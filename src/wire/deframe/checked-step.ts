/**
 * The pure step as the library exports it: with its arguments checked. The operator and the server step once for each
 * chunk of every connection, and do without the checks.
 */
import { check, FRAMING, numberFrom, RECORD, wholeFrom } from '../argument.ts';
import { type BytesLike, bytesOf } from '../bytes.ts';
import type { Framing } from '../framing.ts';
import type { DeframeState, Stepped } from './deframe-step.ts';
import * as unchecked from './deframe-step.ts';

/**
 * Takes the next chunk of the stream.
 *
 * Pure: the state given is not changed, and may be stepped again with another chunk. The events may hold views of
 * the chunk; the new state never does. The chunk must not be modified while its events are in use.
 *
 * @param chunk the next bytes of the stream, any number of them, in any form.
 * @throws TypeError when an argument is of the wrong kind: a string for a chunk, say.
 * @example
 * const begin: Stepped<Prefix> = { state: initialDeframeState(), events: [] };
 * const events$ = chunks$.pipe(
 *   scan(({ state }, chunk) => deframeStep(framing, state, chunk), begin),
 *   concatMap(({ events }) => events),
 * );
 */
export function deframeStep<H>(framing: Framing<H>, state: DeframeState<H>, chunk: BytesLike): Stepped<H> {
  checkStep(framing, state);
  return unchecked.step(framing, state, bytesOf(chunk, 'a chunk'));
}

/**
 * Takes a part of a chunk: stops after about `most` events. A chunk of tiny frames makes thousands of events, and a
 * caller that handles one after the other does not need all of them in memory.
 *
 * @param from the offset in the chunk at which to go on: 0 at first, then the `at` of the last call, until that is
 *   the length of the chunk in bytes.
 * @returns also `at`: the offset in the chunk of the next byte to take.
 * @throws TypeError or RangeError when an argument is of the wrong kind.
 * @example
 * let state = initialDeframeState<Prefix>();
 * for (let at = 0; at < bytes.length; ) {
 *   const next = deframeStepUpTo(framing, state, bytes, at, 100);
 *   for (const event of next.events) console.log(event.type);
 *   ({ state, at } = next);
 * }
 */
export function deframeStepUpTo<H>(
  framing: Framing<H>,
  state: DeframeState<H>,
  chunk: BytesLike,
  from: number,
  most: number,
): Stepped<H> & { readonly at: number } {
  checkStep(framing, state);
  const bytes = bytesOf(chunk, 'a chunk');
  check('stepUpTo: from', from, wholeFrom(0, bytes.length));
  check('stepUpTo: most', most, numberFrom(1));
  return unchecked.stepUpTo(framing, state, bytes, from, most);
}

/**
 * Takes the end of the stream: a fault `truncated` when it comes in the middle of a frame, which says whether in
 * its head or its body, and after how many of how many bytes. At a frame's boundary, no event.
 *
 * @throws TypeError when an argument is of the wrong kind.
 * @example
 * const { state } = deframeStep(framing, initialDeframeState<Prefix>(), Uint8Array.of(0, 0));
 * deframeEnd(framing, state).events; // [{ type: 'fault', fault: { code: 'truncated', … } }]
 */
export function deframeEnd<H>(framing: Framing<H>, state: DeframeState<H>): Stepped<H> {
  checkStep(framing, state);
  return unchecked.finish(framing, state);
}

function checkStep(framing: unknown, state: unknown): void {
  check('the framing', framing, FRAMING);
  check('the state of a deframer', state, RECORD);
  check('the state of a deframer: taken', (state as { readonly taken?: unknown }).taken, wholeFrom(0));
}

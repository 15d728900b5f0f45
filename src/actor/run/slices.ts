/**
 * Takes a connection's bytes a slice at a time, while credit and rates allow, and when what was decoded before is
 * reduced.
 *
 * ```text
 *  chunks$ ──▶ queue ──pull──▶ slice ──▶ scan(step) ──▶ at most 64 messages
 * ```
 *
 * It pulls, so that a message is decoded only when the actor takes it. A chunk of thousands of tiny messages never lies
 * decoded in memory, and an actor may change its codec behind any message.
 */
import { Observable, type OperatorFunction } from 'rxjs';
import { END_OF_INPUT, type Slice } from '../../wire/decode.ts';
import { CREDIT_FLOOR_BYTES, EVENT_COST_BYTES } from '../bounds/credit.ts';
import { addEvent, bytesFrom, messagesIn, setFrameCost, settleUnreduced, unreduced } from './event-credit.ts';
import { acceptsPeer } from './events.ts';
import { isListening, pause } from './pause.ts';
import { fail, inputEnded } from './queues.ts';
import { chargePartial, hasRoomFor, ROOM_BYTES_LEAST } from './room.ts';
import type { AnyCodec, Run } from './run.ts';

/** The most things that one step decodes; and while the budget has no room for so many. */
const [STEP_MOST, STEP_LEAST] = [64, 1];
/** The most bytes of a slice; and while the budget has no room for what a step may cost. */
const [SLICE_BYTES_MOST, SLICE_BYTES_LEAST] = [64 * 1024, CREDIT_FLOOR_BYTES];
/** The most that a step costs, besides a message, while the budget has no room. */
export const SHORT_STEP_COST_MAX: number = SLICE_BYTES_LEAST + EVENT_COST_BYTES;
/**
 * The most bytes of a slice in the middle of a body: it is one event, however long. Only without a limit of bytes a
 * second, which is kept to by the slice.
 */
const BODY_SLICE_BYTES: number = 1024 * 1024;
/** What the things of one step may cost, roughly, besides one long message. */
const STEP_COST_BYTES: number = 128 * 1024;

/** Emits slices when they are pulled, and at last the end of the input. */
export function slices(run: Run): OperatorFunction<Uint8Array, Slice | typeof END_OF_INPUT> {
  return (source) =>
    new Observable((subscriber) => {
      run.pull = () => pull(run, (slice) => subscriber.next(slice));
      return source.subscribe({
        next: (chunk) => chunkArrived(run, chunk),
        complete: () => inputEnded(run, { type: 'ended' }),
        // Whatever the source, a connection that broke is over: `closed$` says why.
        error: () => run.connection.destroy(),
      });
    });
}

function chunkArrived(run: Run, chunk: Uint8Array): void {
  run.received += chunk.length;
  run.counters.received += chunk.length;
  run.ackDelay.onActivity();
  if (isDropping(run)) return run.connection.recycle?.(chunk, chunk.length);
  // A connection that waits for its turn is paused only when more comes: most of them have said what they wanted to, and
  // to pause and resume costs two system calls.
  if (run.isWaiting) pause(run, 'turn', true);
  run.chunks.push(chunk);
  run.member.wake();
}

/** Whether nothing that the peer sends is of use any more. */
export const isDropping = ({ phase, isBroken }: Run): boolean =>
  isBroken || (phase !== 'open' && phase !== 'ended');

/** Whether there are bytes that are not decoded. */
export const hasBytes = ({ slice, chunks }: Run): boolean =>
  chunks.length > 0 || (slice !== null && slice.at < slice.chunk.length);

/** Whether there is something to decode, and it may be decoded now. */
export function canPull(run: Run): boolean {
  if (unreduced(run) > 0) return false;
  // While the actor takes nothing, the peer's end waits too: what is decoded may yet be another codec's.
  if (!hasBytes(run))
    return (
      run.ends.length > 0 && (isDropping(run) || run.ends.first()?.type === 'closed' || acceptsPeer(run))
    );
  return isDropping(run) || (hasRoomFor(run) && isListening(run));
}

function pull(run: Run, emit: (slice: Slice | typeof END_OF_INPUT) => void): void {
  if (isDropping(run)) dropInput(run);
  if (hasBytes(run)) return decodeSlice(run, emit);
  const end = run.ends.first();
  if (end === undefined) return;
  if (!run.isEndDecoded && !isDropping(run)) {
    run.isEndDecoded = true;
    emit(END_OF_INPUT);
    // A message that breaks off is a fault, however the connection has ended. What follows from it comes first.
    if (end.type === 'closed' && unreduced(run) > 0) return;
  }
  run.ends.shift();
  chargePartial(run, 0);
  addEvent(run, end);
}

/** The next chunk, or so many bytes of it. */
function nextSlice({ chunks }: Run, bytesMax: number): Slice {
  const chunk = chunks.first()!;
  if (chunk.length <= bytesMax) chunks.shift();
  else chunks.replaceFirst(chunk.subarray(bytesMax));
  return { chunk: chunk.length <= bytesMax ? chunk : chunk.subarray(0, bytesMax), at: 0, most: 0 };
}

function sliceBytes({ inBody, rates, window }: Run, isFree: boolean): number {
  if (!isFree) return SLICE_BYTES_LEAST;
  const isLong = inBody && !rates.bytes.isLimited && window.hasRoom(BODY_SLICE_BYTES + STEP_COST_BYTES);
  return isLong ? BODY_SLICE_BYTES : SLICE_BYTES_MOST;
}

function decodeSlice(run: Run, emit: (slice: Slice) => void): void {
  const { decoding, rates } = run;
  releaseStep(run);
  const isFree = run.window.isFree(STEP_COST_BYTES);
  run.slice ??= nextSlice(run, sliceBytes(run, isFree));
  const { slice } = run;
  slice.most = isFree ? STEP_MOST : STEP_LEAST;
  const [from, { state }, bodiesBefore] = [slice.at, decoding, run.bodies];
  emit(slice);
  run.lastStep = { state, slice, from, count: unreduced(run), bodiesBefore };
  if (run.isBroken) return;
  try {
    chargePartial(run, bytesFrom('held', decoding.codec.decoder.held(decoding.state)));
  } catch (thrown) {
    return fail(run, thrown);
  }
  rates.bytes.consume(slice.at - from);
  rates.messages.consume(messagesIn(run));
}

/**
 * Lets go of what the last step has taken, once all of it is reduced: until then the codec may change, and the bytes
 * behind a message are needed again. Messages hold no view of the chunk. Pieces of bodies do, and are recycled when they
 * have settled.
 */
export function releaseStep(run: Run): void {
  const { lastStep, slice } = run;
  if (lastStep === null || slice === null) return;
  run.lastStep = null;
  if (slice.at === slice.chunk.length) run.slice = null;
  const used = slice.at - lastStep.from - (run.bodies - lastStep.bodiesBefore);
  if (used > 0) run.connection.recycle?.(slice.chunk, used);
}

function dropInput(run: Run): void {
  run.lastStep = null;
  run.slice = null;
  for (let chunk = run.chunks.shift(); chunk !== undefined; chunk = run.chunks.shift())
    run.connection.recycle?.(chunk, chunk.length);
}

/**
 * Decodes what comes next by another codec. What the old one has taken behind the last message that was reduced is taken
 * back: those bytes are the new codec's, from the first on.
 *
 * @throws an Error when an earlier step has taken bytes of a message that is not complete: they cannot be given back.
 */
export function switchCodec(run: Run, codec: AnyCodec): void {
  const heldMax = Math.max(run.actor.heldMax ?? run.actor.codec.heldMax, ROOM_BYTES_LEAST);
  if (codec.heldMax > heldMax)
    throw new RangeError(
      `useCodec: the codec keeps up to ${codec.heldMax} bytes of a message, and the actor's heldMax is ${heldMax}`,
    );
  const { decoding, lastStep } = run;
  const { decoder } = decoding.codec;
  if (run.isReducingBody) throw new Error('useCodec: a body is arriving; it must be an effect of its end');
  if (lastStep !== null) {
    const { slice, from, count, state } = lastStep;
    const again = decoder.step(state, slice.chunk, from, count - unreduced(run));
    settleUnreduced(run);
    decoding.state = again.state;
    slice.at = again.at;
    releaseStep(run);
  }
  if (decoder.held(decoding.state) > 0)
    throw new Error('useCodec: part of the next message has come already; it must be an effect of a message');
  decoding.state = codec.decoder.initial(decoder.position(decoding.state));
  decoding.codec = codec;
  run.inBody = false;
  setFrameCost(run, 0);
  chargePartial(run, 0);
}

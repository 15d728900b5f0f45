/** Carries out effects. What fails in the world becomes an event; nothing here throws. */
import { from, Observable, type ObservableInput, Subscription } from 'rxjs';
import { totalBytes } from '../../base/bytes.ts';
import { addTo, deleteFrom } from '../../base/lazy-set.ts';
import { memoryOf } from '../../base/memory-of.ts';
import { check, FUNCTION, inWords, MILLISECONDS, wholeFrom } from '../../wire/argument.ts';
import { type Turn, takeOutputs } from '../../wire/decode.ts';
import type { Control } from '../actor.ts';
import { boundResults } from './bound-results.ts';
import { bytesFrom, charge, hold, settle } from './event-credit.ts';
import { endOurSide } from './lifecycle.ts';
import { fail, pushResult } from './queues.ts';
import { UNCOPIED_BYTES_MIN } from './reply-writer.ts';
import type { AnyCodec, AnyEvent, Run } from './run.ts';
import type { AnyEffect } from './scan-effects.ts';
import { encoded, sendBody } from './send-body.ts';
import { switchCodec } from './slices.ts';

/** The most timers of one connection. */
const TIMERS_MAX = 1024;

/** Carries out the effects of one event, in their order. */
export function execute(run: Run, turn: Turn<unknown, AnyEffect>): void {
  for (const effect of takeOutputs(turn)) {
    // An effect may stop the server, or break the actor: then no further one begins.
    if (run.phase === 'finished' || run.isBroken) return;
    executeOne(run, effect);
  }
}

/**
 * A `switch`, because it runs for each message: a pattern match costs a hundred times as much, which is measurable
 * here.
 */
function executeOne(run: Run, effect: AnyEffect): void {
  if (typeof effect?.type !== 'string')
    return fail(
      run,
      new TypeError(`reduce: an effect must be an object with a type, and is ${inWords(effect)}`),
    );
  const control = effect as Control<unknown>;
  switch (control.type) {
    case 'send':
      return send(run, control.message, control.mayWait !== true);
    case 'sendBody':
      return sendWithBody(run, control);
    case 'setTimer':
      return setTimer(run, control.key, control.afterMs);
    case 'useCodec':
      return useCodec(run, control.codec);
    case 'end':
      return endOurSide(run);
    case 'destroy':
      return run.connection.destroy();
    default:
      return perform(run, effect);
  }
}

const isSending = ({ phase }: Run): boolean => phase === 'open' || phase === 'ended';

function send(run: Run, message: unknown, eager: boolean): void {
  if (!isSending(run)) return;
  const { codec } = run.decoding;
  const { direct } = codec;
  let chunks: readonly Uint8Array[];
  try {
    if (direct !== undefined && !run.isSendingBody) {
      const size = bytesFrom('sizeOf', direct.sizeOf(message));
      if (size < UNCOPIED_BYTES_MIN) {
        run.writer.direct(size, direct, message, eager);
        run.creditChange += size;
        return;
      }
    }
    chunks = encoded(codec, message, 0);
  } catch (thrown) {
    return fail(run, thrown);
  }
  if (run.isSendingBody) {
    const bytes = totalBytes(chunks);
    chargeBehindBody(run, bytes);
    run.behindBody.push(() => {
      chargeBehindBody(run, -bytes);
      if (run.isAborted) return;
      for (const chunk of chunks) run.writer.reply(chunk, eager);
    });
    return;
  }
  for (const chunk of chunks) run.writer.reply(chunk, eager);
}

function useCodec(run: Run, codec: AnyCodec): void {
  try {
    switchCodec(run, codec);
  } catch (thrown) {
    fail(run, thrown);
  }
}

/** Sends a message and its body now, or behind the body that is being sent. */
function sendWithBody(run: Run, control: Extract<Control<unknown>, { type: 'sendBody' }>): void {
  if (!isSending(run)) return;
  const { message, length } = control;
  let head: readonly Uint8Array[];
  try {
    check('sendBody: length', length, wholeFrom(0));
    check('sendBody: body', control.body, FUNCTION);
    // Now, although it may be sent later: the codec may be another one then.
    head = encoded(run.decoding.codec, message, length);
  } catch (thrown) {
    return fail(run, thrown);
  }
  if (!run.isSendingBody) return sendBody(run, head, control);
  const bytes = totalBytes(head);
  chargeBehindBody(run, bytes);
  run.behindBody.push(() => {
    chargeBehindBody(run, -bytes);
    if (!run.isAborted) sendBody(run, head, control);
  });
}

function chargeBehindBody(run: Run, bytes: number): void {
  run.behindBodyBytes += bytes;
  run.window.charge(bytes);
}

function setTimer(run: Run, key: string, afterMs: number | null): void {
  run.timers?.get(key)?.unsubscribe();
  run.timers?.delete(key);
  if (afterMs === null || !isSending(run)) return;
  if (!MILLISECONDS.isKind(afterMs) || MILLISECONDS.isWithin?.(afterMs) === false)
    return fail(
      run,
      new RangeError(`setTimer: afterMs must be null or ${MILLISECONDS.words}, and is ${inWords(afterMs)}`),
    );
  run.timers ??= new Map();
  const { timers } = run;
  if (timers.size === TIMERS_MAX)
    return fail(run, new RangeError(`setTimer: a connection may have ${TIMERS_MAX} timers, and has them`));
  const timer = run.scheduler.schedule(() => {
    timers.delete(key);
    pushResult(run, { event: { type: 'timer', key }, settlement: charge(run, 0) });
  }, afterMs);
  timers.set(key, timer);
}

/** Performs an effect of the actor's own. Its event's credit is kept until it has ended, and its results are reduced. */
function perform(run: Run, effect: AnyEffect): void {
  if (run.actor.perform === undefined) return fail(run, nobodyPerforms(effect));
  let given: ObservableInput<unknown> | undefined;
  try {
    given = run.actor.perform(effect as never, run.context) as ObservableInput<unknown> | undefined;
  } catch (error) {
    given = undefined;
    emitOf(run, { type: 'failed', effect, error });
  }
  if (given === undefined || given === null) return;
  // A performer may stop the server: then nothing begins that nobody would end.
  if (run.phase === 'finished') return ignore(given);
  const settlement = hold(run);
  const subscription = new Subscription();
  run.underWay = addTo(run.underWay, subscription);
  subscription.add(() => {
    if (!deleteFrom(run.underWay, subscription)) return;
    settle(run, settlement);
    run.member.wake();
  });
  // The credit of a result is that of the effect, for one thing more.
  const emit = (event: AnyEvent): void => {
    if (subscription.closed) return;
    if (settlement !== null) settlement.pending++;
    const resultCredit = event.type === 'result' ? memoryOf(event.value) : 0;
    pushResult(run, { event, settlement, resultCredit });
    boundResults(run, `perform: the effect '${effect.type}'`);
  };
  try {
    subscription.add(
      sourceOf(run, given).subscribe({
        next: (value) => emit({ type: 'result', effect, value }),
        error: (error: unknown) => {
          emit({ type: 'failed', effect, error });
          subscription.unsubscribe();
        },
        complete: () => subscription.unsubscribe(),
      }),
    );
  } catch (error) {
    // What was returned is nothing that `from` takes.
    emit({ type: 'failed', effect, error });
    subscription.unsubscribe();
  }
}

/**
 * What a performer gives, as an Observable. The next value of an async iterable is asked for when the one before it is
 * reduced: an Observable cannot wait, but those can.
 */
function sourceOf(run: Run, given: ObservableInput<unknown>): Observable<unknown> {
  const isPulled = Symbol.asyncIterator in Object(given) && !('subscribe' in Object(given));
  return isPulled ? pulled(run, given as AsyncIterable<unknown>) : from(given);
}

function pulled(run: Run, values: AsyncIterable<unknown>): Observable<unknown> {
  return new Observable((subscriber) => {
    const iterator = values[Symbol.asyncIterator]();
    const pull = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await iterator.next();
        if (subscriber.closed) return;
        if (done) return subscriber.complete();
        subscriber.next(value);
        while (run.results.length > 0 && !subscriber.closed)
          await new Promise<void>((resolve) => {
            run.drained = addTo(run.drained, resolve);
          });
      }
    };
    pull().catch((error: unknown) => subscriber.error(error));
    return () => {
      Promise.resolve(iterator.return?.()).catch(() => {});
    };
  });
}

/** Queues what came of an effect before anything of it was under way. */
function emitOf(run: Run, event: AnyEvent): void {
  pushResult(run, { event, settlement: hold(run) });
}

const nobodyPerforms = ({ type }: AnyEffect): TypeError =>
  new TypeError(`reduce: the engine knows no effect of the type '${type}', and the actor has no perform`);

/** Nobody waits for a promise that was begun: what it rejects with is of no use. */
function ignore(given: ObservableInput<unknown>): void {
  if (given instanceof Promise) given.catch(() => {});
}

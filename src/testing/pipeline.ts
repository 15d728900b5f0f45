/** The other side of a replay: something that answers the recorded client, or something that reads the recording. */
import type { Observable } from 'rxjs';
import type { AnyActor } from '../actor/actor.ts';
import { serveActors } from '../actor/serve-actors.ts';
import type { RecordedConnection } from '../capture/replay/recorded-connection.ts';
import type { Replies } from '../capture/replay/replies.ts';
import type { ListenEvent } from '../transport/listen-event.ts';
import { CODEC, check, FUNCTION, OBSERVABLE, type Rule } from '../wire/argument.ts';
import { deframe } from '../wire/deframe/deframe.ts';
import type { Framing } from '../wire/framing.ts';
import type { Preset } from '../wire/preset.ts';
import { framedReplies, REPLY_FRAMING, type ReplyFraming, streamed } from './reply-framing.ts';

/** Something that answers: it gets the recorded requests, and its replies are compared with the recorded ones. */
export interface Service {
  readonly type: 'service';
  /** Begins to serve, with no state of an earlier replay. Unsubscribing ends it. */
  readonly serve: (connections$: Observable<ListenEvent>) => Observable<unknown>;
  /** How its replies are compared when the options of the comparison do not say so; null compares their bytes. */
  readonly replies: (ignore: readonly string[] | undefined) => Replies<unknown> | null;
}

/** Something that reads both directions: what it emits must be the same however the bytes are cut. */
export interface Reader {
  readonly type: 'reader';
  /** Reads one recorded connection, and emits what must be the same. */
  readonly read: (connection: RecordedConnection) => Observable<unknown>;
}

/**
 * A pipeline as a function; what it is depends on whether it has a parameter.
 *
 * - With a parameter: a pipeline of operators over what the client sent. It returns an Observable.
 * - Without one: it makes an actor or a service, anew for each replay. That suits those that keep something.
 */
export type PipelineFunction = (connection: RecordedConnection) => Observable<unknown> | AnyActor | Service;

/**
 * The other side of a replay:
 *
 * - `fileServer()`, `service(…)`, an actor, or a function without parameters that makes one: it answers, and its
 *   replies are compared with the recorded ones.
 * - `framesOf(…)`, or a function from a connection to an Observable: it reads, and what it emits must not depend on how
 *   the bytes are cut.
 */
export type Pipeline = Service | Reader | PipelineFunction | AnyActor;

/**
 * Makes something that answers of anything that serves connections. It is begun anew for each replay, so what it keeps
 * belongs inside the function.
 *
 * @param serve gets the recorded clients as connections, and returns what serves them while it is subscribed.
 * @param framing how replies are framed; by default their bytes alone are compared.
 * @throws TypeError when `serve` is no function.
 * @example
 * const pipeline = service((connections$) => serveActors({ connections$, actor: echo }), lines({ maxLength: 1000 }));
 */
export function service(
  serve: (connections$: Observable<ListenEvent>) => Observable<unknown>,
  framing: ReplyFraming = 'none',
): Service {
  check('service: what serves', serve, FUNCTION);
  check('service: the framing', framing, REPLY_FRAMING);
  return { type: 'service', serve, replies: (ignore = []) => framedReplies(framing, ignore) };
}

/**
 * Reads the frames of both directions, as `deframe` does. A fault of the framing is a failure.
 *
 * @param framing a preset, or a framing.
 * @example
 * import { expect } from 'vitest';
 *
 * await expect(captureFile('dns.pcap')).toReplayTheSame(framesOf(presets.dns));
 */
export function framesOf(framing: Preset | Framing<unknown>): Reader {
  check('framesOf: the framing', framing, PRESET_OR_FRAMING);
  const isPreset = 'framing' in framing;
  return {
    type: 'reader',
    read: ({ chunks$ }) => chunks$.pipe(deframe(streamed(isPreset ? framing.framing() : framing))),
  };
}

const PRESET_OR_FRAMING: Rule = {
  words: 'a preset, such as dns, or a framing, such as lengthField({ … }) makes',
  isKind: (value) => {
    const it = value as { readonly framing?: unknown; readonly headLength?: unknown } | null;
    return (
      typeof it === 'object' && (typeof it?.framing === 'function' || typeof it?.headLength === 'function')
    );
  },
};

const isActor = (pipeline: object): pipeline is AnyActor =>
  CODEC.isKind((pipeline as Partial<AnyActor>).codec) && 'reduce' in pipeline;
const typeOf = (value: unknown): unknown => (value as { readonly type?: unknown } | null)?.type;

export const PIPELINE: Rule = {
  words: 'fileServer(), service(…), framesOf(…), an actor, or a function from a connection to an Observable',
  isKind: (value) =>
    typeof value === 'function' ||
    (typeof value === 'object' &&
      value !== null &&
      (typeOf(value) === 'service' || typeOf(value) === 'reader' || isActor(value))),
};

/** Returns the service of a pipeline, made anew if the pipeline makes it; null when the pipeline reads. */
export function serviceOf(pipeline: Pipeline): Service | null {
  if (typeof pipeline === 'function') return pipeline.length === 0 ? madeBy(pipeline as () => unknown) : null;
  if (isActor(pipeline)) {
    // Its types are those of its own codec and effects, which nothing here looks at.
    const actor = pipeline as never;
    return service((connections$) => serveActors({ connections$, actor }), pipeline.codec);
  }
  return pipeline.type === 'service' ? pipeline : null;
}

function madeBy(make: () => unknown): Service {
  const made = make();
  check('the pipeline: what a function without parameters returns', made, ANSWERS);
  return serviceOf(made as AnyActor | Service)!;
}

const ANSWERS: Rule = {
  words: 'an actor or a service',
  isKind: (value) =>
    typeof value === 'object' && value !== null && (typeOf(value) === 'service' || isActor(value)),
};

/** Returns the function that reads. Each call checks that it returns an Observable. */
export function readerOf(
  pipeline: Reader | PipelineFunction,
): (connection: RecordedConnection) => Observable<unknown> {
  const read = typeof pipeline === 'function' ? pipeline : pipeline.read;
  return (connection) => {
    const events$ = read(connection);
    check('the pipeline: what it returns', events$, OBSERVABLE);
    return events$ as Observable<unknown>;
  };
}

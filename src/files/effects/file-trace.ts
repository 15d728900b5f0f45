/** What a trace of the file service shows: the effects of commands by their own names, and no token, and no body. */
import type { Control } from '../../actor/actor.ts';
import type { TraceEvent } from '../../actor/trace.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { FileEffect } from './file-actor.ts';
import { type OutgoingReply, ReplyWithBody } from './request-codec.ts';

/** @returns the trace as it may be logged. */
export function fileTrace(trace: TraceEvent): TraceEvent {
  if (trace.type !== 'event') return trace;
  const { event, effects } = trace;
  return {
    ...trace,
    event: withoutToken(event),
    effects: effects.filter(({ type }) => type !== 'progress').map(named),
  };
}

/** A token lets in whoever reads it: it must not get into a log. */
function withoutToken(event: { readonly type: string }): { readonly type: string } {
  const { head } = event as { readonly head?: JsonHeader };
  if (head !== undefined && 'token' in head)
    return { ...event, head: { ...head, token: '…' } } as typeof event;
  const { fault } = event as { readonly fault?: Quoting | null };
  if (fault) return { ...event, fault: unquoted(fault) } as typeof event;
  const { effect } = event as { readonly effect?: FileEffect };
  return effect === undefined ? event : ({ ...event, effect: named(effect) } as typeof event);
}

/** A fault, or an error, that may quote the first bytes of a request. */
interface Quoting {
  readonly code: string;
  readonly hex?: string;
}

/** Bytes that are no header may have a token in them all the same. The message may quote them too. */
const unquoted = (error: Quoting): Quoting =>
  error.hex === undefined ? error : Object.assign({ ...error }, { message: error.code, hex: '', ascii: '' });

/** A report of an error, or a reply that is one. */
function withoutQuote<T extends object>(about: T): T {
  const { error } = about as { readonly error?: Quoting };
  return error?.hex === undefined ? about : { ...about, error: unquoted(error) };
}

function named(effect: { readonly type: string }): { readonly type: string } {
  if (effect.type === 'send') {
    const { message } = effect as Extract<Control<OutgoingReply>, { type: 'send' }>;
    const reply = message instanceof ReplyWithBody ? message.reply : message;
    return { ...effect, message: withoutQuote(reply) } as typeof effect;
  }
  if (effect.type !== 'command') return effect;
  const { request, effect: asked } = effect as Extract<FileEffect, { type: 'command' }>;
  const { type } = asked;
  if (type === 'report') return Object.assign({ request }, withoutQuote(asked.report));
  return type === 'hello' ? Object.assign({ request }, { type }) : Object.assign({ request }, asked);
}

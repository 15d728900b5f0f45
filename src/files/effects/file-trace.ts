/** What a trace of the file service shows: the effects of commands by their own names, and no token. */
import type { TraceEvent } from '../../actor/trace.ts';
import type { JsonHeader } from '../../wire/json-header.ts';
import type { FileEffect } from './file-actor.ts';

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
  const { fault } = event as { readonly fault?: { readonly code: string; readonly hex?: string } | null };
  // The first bytes of a header that is wrong.
  if (fault?.hex !== undefined)
    return { ...event, fault: { ...fault, message: fault.code, hex: '', ascii: '' } } as typeof event;
  const { effect } = event as { readonly effect?: FileEffect };
  return effect === undefined ? event : ({ ...event, effect: named(effect) } as typeof event);
}

function named(effect: { readonly type: string }): { readonly type: string } {
  if (effect.type !== 'command') return effect;
  const { request, effect: asked } = effect as Extract<FileEffect, { type: 'command' }>;
  const { type } = asked;
  if (type === 'report') return Object.assign({ request }, asked.report);
  return type === 'hello' ? Object.assign({ request }, { type }) : Object.assign({ request }, asked);
}

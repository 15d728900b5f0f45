/** Short names for what happens to a session, and for what it asks for, so that a test reads as a conversation. */
import { commands } from '../../../src/files/session/dispatch.ts';
import type { CommandEffect, Effect } from '../../../src/files/session/effect.ts';
import type { EffectResult, SessionEvent } from '../../../src/files/session/event.ts';
import { createSession, type Session } from '../../../src/files/session/session.ts';
import type { SessionState } from '../../../src/files/session/state.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';

export const request = (header: JsonHeader, body = 0, cost = 10): SessionEvent => ({
  type: 'request',
  header,
  body,
  cost,
});
export const data = (text: string): SessionEvent => ({
  type: 'data',
  bytes: new TextEncoder().encode(text),
});
export const bodyEnd: SessionEvent = { type: 'body-end' };
export const result = (number: number, outcome: EffectResult): SessionEvent => ({
  type: 'result',
  request: number,
  result: outcome,
});

export const stored = (number: number, name: string, size: number): SessionEvent =>
  result(number, { of: 'commit', ok: true, value: { name, size, mtime: 7, crc32: 42, durable: true } });

/** A session, fed one event at a time; keeps what it asked for. */
export function conversation(session: Session = createSession(commands, { openRequests: 8 })) {
  let state: SessionState = session.initial;
  const log: Effect[] = [];
  return {
    state: () => state,
    log,
    accepts: () => session.accepts(state),
    /** Feeds the events and returns the effects they had. */
    say: (...events: readonly SessionEvent[]): readonly Effect[] => {
      const before = log.length;
      for (const event of events) {
        const [next, effects] = session.reduce(state, event);
        state = next;
        log.push(...effects);
      }
      return log.slice(before);
    },
  };
}

/** What was asked for on behalf of requests, without the reports. */
export const asked = (
  effects: readonly Effect[],
): readonly (CommandEffect & { readonly request: number })[] =>
  effects.flatMap((effect) =>
    effect.type === 'command' && effect.effect.type !== 'report'
      ? [{ ...effect.effect, request: effect.request }]
      : [],
  );

/** Which requests were reported as refused, and why. */
export const refusals = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => {
    if (effect.type !== 'command' || effect.effect.type !== 'report') return [];
    const {
      request,
      effect: { report },
    } = effect;
    if (report.type !== 'refused') return [];
    const { type: _, ...about } = report;
    return [{ request, ...about }];
  });

export const replies = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === 'reply' ? [effect.reply] : []));

/** Answers each line with itself: the smallest actor. */
import { defineActor } from '../actor/actor.ts';
import { lines } from '../wire/codecs/lines.ts';

export const echo = defineActor()({
  codec: lines({ maxLength: 10_000 }),
  reduce: (state, event) => ({
    state,
    effects: event.type === 'message' ? [{ type: 'send', message: event.message }] : [],
  }),
});

/** A server of DNS that knows one address, and counts what it is asked. */
import { defineActor } from '../../../src/actor/actor.ts';
import { dnsMessages } from '../../../src/wire/codecs/dns-messages.ts';
import { response } from './dns-messages.ts';

export function dnsOrigin() {
  let asked = 0;
  const actor = defineActor()({
    codec: dnsMessages,
    reduce: (state, event) => {
      if (event.type !== 'message') return { state };
      asked++;
      return { state, effects: [{ type: 'send', message: response(event.message, [30]) }] };
    },
  });
  return { actor, asked: () => asked };
}

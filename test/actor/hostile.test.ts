/** What a bug in an actor, or an odd moment, costs: at most its own connection. */
import { describe, expect, test } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { served } from '../support/actors/served.ts';

const codec = lines({ maxLength: 1000 });

describe('the first event', () => {
  test('what comes of an effect of `opened` is reduced after all its effects have begun', async () => {
    const actor = defineActor<{ effect: { readonly type: 'now' }; result: number }>()({
      codec,
      reduce: (state, event) => {
        if (event.type === 'opened')
          return { state, effects: [{ type: 'now' }, { type: 'send', message: 'hello' }] };
        return { state, effects: event.type === 'result' ? [{ type: 'send', message: 'result' }] : [] };
      },
      perform: () => [1],
    });
    const client = served(actor).connect();
    expect(await client.next()).toBe('hello');
    expect(await client.next()).toBe('result');
    client.destroy();
  });
});

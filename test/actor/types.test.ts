/** What the compiler holds an actor to: `npm run typecheck` fails when one of the errors below is none. */
import { match } from 'ts-pattern';
import { expect, test } from 'vitest';
import { type ActorEvent, defineActor, type Reduction } from '../../src/actor/actor.ts';
import { lines } from '../../src/wire/codecs/lines.ts';
import { lengthField } from '../../src/wire/length-field.ts';

type Effect = { readonly type: 'save'; readonly text: string };
const codec = lines({ maxLength: 100 });
const idle = { state: null };

test('a reducer that knows every event compiles under exhaustive, and one without a case does not', () => {
  type Event = ActorEvent<string, never, Effect, number, string>;
  const complete = (event: Event) =>
    match(event)
      .with({ type: 'message' }, ({ message }) => message.length)
      .with({ type: 'result' }, ({ effect, value }) => effect.text.length + value)
      .with({ type: 'failed' }, ({ effect }) => effect.text.length)
      .with({ type: 'input' }, ({ input }) => input.length)
      .with({ type: 'timer' }, ({ key }) => key.length)
      .with({ type: 'fault' }, { type: 'timeout' }, { type: 'closed' }, () => 0)
      .with({ type: 'opened' }, { type: 'ended' }, { type: 'shutdown' }, { type: 'unreachable' }, () => 0)
      .exhaustive();
  expect(complete({ type: 'input', input: 'abc' })).toBe(3);

  const incomplete = (event: Event) =>
    match(event)
      .with({ type: 'message' }, ({ message }) => message.length)
      .with({ type: 'result' }, { type: 'failed' }, { type: 'input' }, { type: 'timer' }, () => 1)
      .with({ type: 'fault' }, { type: 'timeout' }, { type: 'closed' }, () => 0)
      // @ts-expect-error: `opened`, `ended` and `shutdown` are not handled.
      .exhaustive();
  expect(() => incomplete({ type: 'opened' })).toThrow();
});

test('messages have the type of the codec, and effects those that were said', () => {
  defineActor<{ effect: Effect; result: number }>()({
    codec,
    reduce: (state, event) => {
      if (event.type === 'message') {
        const text: string = event.message;
        // @ts-expect-error: a line is text.
        const bytes: Uint8Array = event.message;
        return { state, effects: [{ type: 'save', text: text + bytes }] };
      }
      if (event.type === 'result') {
        const value: number = event.value;
        return { state, effects: [{ type: 'send', message: `${value}` }] };
      }
      return { state };
    },
    perform: (effect) => [effect.text.length],
  });

  const framed = defineActor()({ codec: lengthField({ width: 1, maxLength: 9 }), reduce: () => idle });
  const pieces = defineActor()({
    codec: lengthField({ width: 1, maxLength: 9, delivery: 'stream' }),
    reduce: (_, event) => {
      if (event.type === 'start') expect(event.head.value).toBeTypeOf('number');
      return idle;
    },
  });
  expect([framed, pieces]).toHaveLength(2);
});

test('what is no effect, no message of the codec, or no result does not compile', () => {
  defineActor<{ effect: Effect }>()({
    codec,
    // @ts-expect-error: the message of `send` is a line of text.
    reduce: () => ({ state: null, effects: [{ type: 'send', message: 7 }] }),
  });
  defineActor<{ effect: Effect }>()({
    codec,
    // @ts-expect-error: there is no effect of this name.
    reduce: (): Reduction<null, Effect, string> => ({ state: null, effects: [{ type: 'sav', text: '' }] }),
  });
  defineActor<{ effect: Effect; result: number }>()({
    codec,
    reduce: () => idle,
    // @ts-expect-error: a result is a number.
    perform: () => ['text'],
  });
  // @ts-expect-error: an actor with a state says what it is at first.
  expect(() => defineActor<{ state: number }>()({ codec, reduce: (state) => ({ state }) })).not.toThrow();
});

/**
 * A key-value server. Requests and replies are JSON behind a length, and a reply has the `id` of its request. A client
 * that watches a key has each of its values from then on, as `{ key, value }` without an id.
 */
import { filter, map, Subject, startWith, takeUntil } from 'rxjs';
import { match, P } from 'ts-pattern';
import { type Control, defineActor, type Reduction } from '../actor/actor.ts';
import { jsonMessages } from '../wire/codecs/messages.ts';
import { lengthField } from '../wire/length-field.ts';

type Effect =
  | { readonly type: 'get' | 'watch'; readonly id: number; readonly key: string }
  | { readonly type: 'set'; readonly id: number; readonly key: string; readonly value: unknown };

/** The codec of both ends. */
export const keyValueCodec = jsonMessages(lengthField({ width: 4, maxLength: 65_536 }));

/** The longest number in JSON. */
const ID = -Number.MAX_VALUE;

/**
 * Whether a value can be sent to whoever asks for it. It may be longer than it came: `1e20` has 21 digits. Else a value
 * would end the connections of all who watch it.
 */
function isSendable(key: string, value: unknown): boolean {
  try {
    keyValueCodec.encode({ id: ID, key, value });
    return true;
  } catch {
    return false;
  }
}

const request = { id: P.number, key: P.string };
const send = (message: unknown): Control<unknown> => ({ type: 'send', message });

/** Makes a server of its own: the values are shared by all connections that it serves. */
export function keyValues() {
  const values = new Map<string, unknown>();
  const changed$ = new Subject<string>();

  return defineActor<{ effect: Effect; result: unknown }>()({
    codec: keyValueCodec,
    reduce: (state, event) =>
      match(event)
        .returnType<Reduction<null, Effect, unknown>>()
        .with(
          { type: 'message', message: { cmd: P.union('get', 'watch'), ...request } },
          ({ message: { cmd, id, key } }) => ({ state, effects: [{ type: cmd, id, key }] }),
        )
        .with(
          { type: 'message', message: { cmd: 'set', value: P.any, ...request } },
          ({ message: { key, value } }) => isSendable(key, value),
          ({ message: { id, key, value } }) => ({
            state,
            effects: [{ type: 'set', id, key, value }],
          }),
        )
        .with({ type: 'message' }, { type: 'fault' }, () => ({
          state,
          effects: [send({ error: 'no such request' })],
        }))
        .with({ type: 'result', effect: { type: 'watch' } }, ({ effect: { key }, value }) => ({
          state,
          effects: [send({ key, value })],
        }))
        .with({ type: 'result' }, ({ effect: { id }, value }) => ({ state, effects: [send({ id, value })] }))
        .with({ type: 'shutdown' }, () => ({ state, effects: [{ type: 'end' }] }))
        .otherwise(() => ({ state })),
    perform(effect, { closed$ }) {
      const { key } = effect;
      if (effect.type === 'get') return [values.get(key)];
      if (effect.type === 'set') {
        values.set(key, effect.value);
        changed$.next(key);
        return [effect.value];
      }
      return changed$.pipe(
        filter((changed) => changed === key),
        startWith(key),
        map(() => values.get(key)),
        takeUntil(closed$),
      );
    },
  });
}

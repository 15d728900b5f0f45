/** What can be seen inside of a connection that an actor serves. */
import { hexOf } from '../base/bytes.ts';

/**
 * Why the connection is not read: `credit` is used up, the actor does not accept (`actor`), it is another connection's
 * `turn`, a long message has no `room`, or the limit on `bytes` or `messages` a second is reached.
 */
export type Pause = 'credit' | 'actor' | 'turn' | 'room' | 'bytes' | 'messages';

/**
 * A server calls its option `trace` with these events. `connection` is the id of the connection.
 *
 * - `event`: the reducer is given an event; `effects` are those that it returned.
 * - `pause`, `resume`: the connection is not read any more, or again; `why` is the reason that changed.
 */
export type TraceEvent =
  | {
      readonly type: 'event';
      readonly connection: string;
      readonly event: { readonly type: string };
      readonly effects: readonly { readonly type: string }[];
    }
  | { readonly type: 'pause' | 'resume'; readonly connection: string; readonly why: Pause };

/** The most characters of a message, or bytes of one, in a line. */
const [SHOWN_CHARACTERS_MAX, SHOWN_BYTES_MAX] = [60, 16];

/**
 * Makes one line of a trace event, for a terminal or a log. Values are cut to 60 characters, and bytes to 16.
 *
 * @example
 * serveActors({
 *   connections$: listenTcp({ port: 7000 }),
 *   actor: echo,
 *   trace: (event) => console.log(formatTrace(event)), // tcp:3 message "hello" -> send
 * }).subscribe({ error: (error) => console.error(error.message) });
 */
export function formatTrace(trace: TraceEvent): string {
  const { connection } = trace;
  if (trace.type !== 'event') return `${connection} ${trace.type} ${trace.why}`;
  const { event, effects } = trace;
  const what = detailOf(event);
  const effectTypes = effects.map(({ type }) => type).join(', ');
  return `${connection} ${event.type}${what === '' ? '' : ` ${what}`} -> ${effectTypes === '' ? 'nothing' : effectTypes}`;
}

function detailOf(event: { readonly type: string }): string {
  const fields = event as Readonly<Record<string, unknown>>;
  for (const name of ['message', 'head', 'bytes', 'input', 'key', 'kind', 'value'])
    if (fields[name] !== undefined) return shown(fields[name]);
  const { fault, error } = fields as {
    readonly fault?: { readonly code?: unknown } | null;
    readonly error?: unknown;
  };
  if (fault) return String(fault.code);
  return error === undefined ? '' : shown(String(error));
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) {
    const more = value.length > SHOWN_BYTES_MAX ? ' …' : '';
    return `${value.length} bytes: ${hexOf(value.subarray(0, SHOWN_BYTES_MAX))}${more}`;
  }
  const text = textOf(value);
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

/** Not every value has JSON: a bigint has none, nor has one that contains itself. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

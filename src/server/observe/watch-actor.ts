/**
 * The actor of a page that watches: it says what it is given, a line each, and nothing that it is told counts.
 *
 * ```text
 *  opened         join
 *  input          send the line; end behind the last one
 *  shutdown       end
 *  closed         leave
 * ```
 */
import { type Control, defineActor } from '../../actor/actor.ts';
import type { ActorLimits } from '../../actor/limits.ts';
import type { Mailbox } from '../../actor/mailbox.ts';
import { lines } from '../../wire/codecs/lines.ts';

/** The longest line: a table of 512 rows has some 200 KiB. */
const LINE_BYTES_MAX = 4 * 1024 * 1024;
/** A page has nothing to say. */
const HEARD_BYTES_MAX = 1024;

/** The pages that may watch at once. */
export const WATCHERS_MAX = 32;

/** A page that reads slowly misses what is older: it costs a few lines, and no more. */
export const WATCH_LIMITS: Partial<ActorLimits> = {
  connections: WATCHERS_MAX,
  connectionsPerAddress: WATCHERS_MAX,
  window: { high: 256 * 1024, low: 128 * 1024 },
  mailbox: { inputs: 8, bytes: 1024 * 1024, whenFull: 'dropOldest' },
  timeouts: {
    firstBytes: Number.POSITIVE_INFINITY,
    header: 30_000,
    body: Number.POSITIVE_INFINITY,
    bodyBytes: 0,
    idle: Number.POSITIVE_INFINITY,
    unread: 60_000,
  },
};

/** A line for a page. */
export interface WatchInput {
  readonly line: string;
  /** The page may not watch any more. */
  readonly isLast?: true;
}

/** A page that watches. */
export interface Watcher {
  readonly id: string;
  readonly mailbox: Mailbox<WatchInput>;
}

interface WatchTypes {
  effect: { readonly type: 'join' | 'leave' };
  input: WatchInput;
}

const END: Control<string> = { type: 'end' };

export function watchActor(join: (watcher: Watcher) => void, leave: (id: string) => void) {
  return defineActor<WatchTypes>()({
    codec: {
      ...lines({ maxLength: HEARD_BYTES_MAX }),
      encode: lines({ maxLength: LINE_BYTES_MAX }).encode,
    },
    reduce: (state, event) => {
      switch (event.type) {
        case 'opened':
          return { state, effects: [{ type: 'join' }] };
        case 'input': {
          const { line, isLast } = event.input;
          const send: Control<string> = { type: 'send', message: line };
          return { state, effects: isLast ? [send, END] : [send] };
        }
        case 'shutdown':
          return { state, effects: [END] };
        case 'closed':
          return { state, effects: [{ type: 'leave' }] };
        default:
          return { state };
      }
    },
    perform: ({ type }, { self, peer: { id } }) => {
      if (type === 'join') join({ id, mailbox: self });
      else leave(id);
    },
  });
}

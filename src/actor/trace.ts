/** What can be seen inside of a connection that an actor serves. */

/**
 * Why the connection is not read: `credit` is used up, the actor does not accept (`actor`), it is another connection's
 * `turn`, a long message has no `room`, or the limit on `bytes` or `messages` a second is reached.
 */
export type Pause = 'credit' | 'actor' | 'turn' | 'room' | 'bytes' | 'messages';

/**
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

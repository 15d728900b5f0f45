/** What can be seen inside of a connection that an actor serves. */
import type { Pause } from './run.ts';

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

/** What happens on a connection besides its messages, for logs and metrics. */

import type { FrameFault } from '../wire/fault.ts';
import type { TimeoutKind } from './bounds/timeouts.ts';

/**
 * A report of what happens on a connection besides its messages, for logs and metrics. `serveActors` emits each with
 * its connection.
 *
 * - `fault`: bytes of the peer could not be understood.
 * - `timeout`: the peer was too slow.
 * - `overflow`: the peer did not read what others sent to it, and its mailbox was full.
 * - `internal-error`: the reducer, or a codec, threw an exception: that is a bug in it.
 * - `abandoned`: effects had not ended some time after the connection was closed. Their results are dropped.
 */
export type ActorReport =
  | { readonly type: 'fault'; readonly fault: FrameFault }
  | { readonly type: 'timeout'; readonly kind: TimeoutKind }
  | { readonly type: 'overflow' }
  | { readonly type: 'internal-error'; readonly thrown: unknown }
  | { readonly type: 'abandoned'; readonly effects: number };

/**
 * What happens to a session: frames from the peer, results of its own effects, and the connection's end.
 *
 * `credit` is what an event costs while it is unsettled (see `runtime/credit`); the session hands every credit on
 * in exactly one effect. Most results carry none: each answers an effect that a request has paid for.
 */

import type { JsonHeader } from '../../wire/json-header.ts';
import type { Principal } from '../protocol/access.ts';
import type { ErrorInfo } from '../protocol/errors.ts';
import type { FileInfo, Listing, Stored, UploadOffset } from '../protocol/file.ts';

export type SessionEvent =
  /** A header arrived; `body` bytes follow as `data`, then `body-end`. */
  | {
      readonly type: 'request';
      readonly header: JsonHeader;
      readonly body: number;
      readonly credit: number;
      /** Why it cannot be taken now, whatever it is. */
      readonly refused?: ErrorInfo;
    }
  | { readonly type: 'data'; readonly bytes: Uint8Array; readonly credit: number }
  | { readonly type: 'body-end' }
  /** The frames can no longer be told apart. Nothing but results comes after it. */
  | { readonly type: 'fault'; readonly error: ErrorInfo }
  /** The peer has sent all it wanted to, and still reads. */
  | { readonly type: 'ended' }
  /** Who the connection speaks for has changed: its token was withdrawn (null), or has other rights now. */
  | { readonly type: 'access'; readonly principal: Principal | null }
  /** The server shuts down: finish what runs, take nothing new. */
  | { readonly type: 'shutdown' }
  /** Nothing can be sent to the peer any more; what it has sent may still come. */
  | { readonly type: 'unreachable' }
  /** The connection is gone: nobody is there to answer. */
  | { readonly type: 'closed' }
  | {
      readonly type: 'result';
      readonly request: number;
      readonly result: EffectResult;
      /** What the result costs by itself, since it may have to wait for its turn to be sent. */
      readonly credit?: number;
    };

/** What came of an effect. */
export type EffectResult =
  | { readonly of: 'commit'; readonly ok: true; readonly value: Stored }
  | { readonly of: 'sync'; readonly ok: true; readonly value: UploadOffset }
  | { readonly of: 'resume'; readonly ok: true; readonly value: UploadOffset }
  | { readonly of: 'cancel'; readonly ok: true; readonly value: undefined }
  | { readonly of: 'hello'; readonly ok: true; readonly value: HelloResult }
  | { readonly of: 'open'; readonly ok: true; readonly value: FileInfo }
  | { readonly of: 'send'; readonly ok: true; readonly value: number }
  | { readonly of: 'stat'; readonly ok: true; readonly value: FileInfo }
  | { readonly of: 'list'; readonly ok: true; readonly value: Listing }
  | { readonly of: 'remove'; readonly ok: true; readonly value: { readonly size: number } }
  | { readonly of: 'rename'; readonly ok: true; readonly value: FileInfo }
  | { readonly of: 'custom'; readonly ok: true; readonly value: unknown }
  | { readonly of: EffectResultOf; readonly ok: false; readonly error: ErrorInfo };

/** What a server says of itself, and who the peer is to it from now on. */
export interface HelloResult {
  /** Null: nobody yet, and a token is needed. */
  readonly principal: Principal | null;
  /** The fields of the ack that are the server's: version, commands, limits. */
  readonly about: Readonly<Record<string, unknown>>;
}

/** The effects that are answered. `begin` and `write` only ever answer with a failure. */
export type EffectResultOf =
  | 'openPut'
  | 'write'
  | 'sync'
  | 'commit'
  | 'resume'
  | 'cancel'
  | 'hello'
  | 'open'
  | 'send'
  | 'stat'
  | 'list'
  | 'remove'
  | 'rename'
  | 'custom';

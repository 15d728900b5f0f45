/**
 * Events of a session: frames from the peer, results of its own effects, and the end of the connection.
 *
 * `cost` is the bytes of memory that a request takes until it is answered: the state has them (see `Actor.heldBytes`).
 */

import type { JsonHeader } from '../../wire/json-header.ts';
import type { Principal } from '../protocol/access.ts';
import type { ServiceFault } from '../protocol/errors.ts';
import type { FileInfo, Listing, Stored, UploadOffset } from '../protocol/file.ts';

export type SessionEvent =
  /** A header arrived; `body` bytes follow as `data`, then `body-end`. */
  | {
      readonly type: 'request';
      readonly header: JsonHeader;
      readonly body: number;
      readonly cost: number;
      /** The error with which the session must refuse it, whatever its command. */
      readonly refused?: ServiceFault;
    }
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'body-end' }
  /** The frame boundaries are lost. The peer's bytes cause no further event. */
  | { readonly type: 'fault'; readonly error: ServiceFault }
  /** The peer has ended its side, and still reads. */
  | { readonly type: 'ended' }
  /** The principal of the connection has changed: its token was withdrawn (null), or has other rights now. */
  | { readonly type: 'access'; readonly principal: Principal | null }
  /** The server shuts down: the session finishes what runs, and begins nothing new. */
  | { readonly type: 'shutdown' }
  /** Nothing can be sent to the peer any more; bytes that it has sent may still come. */
  | { readonly type: 'unreachable' }
  /** The connection is closed: no reply can reach the peer, and it sends no more. */
  | { readonly type: 'closed' }
  | {
      readonly type: 'result';
      readonly request: number;
      readonly result: EffectResult;
      /** The cost of the result itself, which may have to wait for its turn to be sent. */
      readonly cost?: number;
    };

/**
 * The result of an effect of a command. `of` names the effect; with `ok` its `value` is as in the store's contract, and
 * without it `error` is what the peer should get.
 *
 * - `commit`: the stored file. `sync`, `resume`: how much of the upload is there.
 * - `open`, `stat`, `rename`: the file. `list`: a page of names. `remove`: the size of the file, in bytes.
 * - `send`: the bytes that were sent. `hello`: who the peer is. `custom`: what your handler has answered.
 */
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
  | { readonly of: EffectResultOf; readonly ok: false; readonly error: ServiceFault };

/** The result of `hello`: the principal of the peer from then on, and what the server says of itself. */
export interface HelloResult {
  /** Null when the peer has no principal yet and must say a token. */
  readonly principal: Principal | null;
  /** The fields of the ack about the server: version, commands, limits. */
  readonly about: Readonly<Record<string, unknown>>;
}

/** The effects that have a result. `openPut` and `write` have one only when they fail. */
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

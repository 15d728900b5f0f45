/**
 * What a session asks the world to do: plain data that compares by value.
 *
 * Effects of a request carry its number, so that the result finds its way back. Each credit that came in with an
 * event leaves again in exactly one effect, and is given back when that effect has settled.
 */
import type { ErrorInfo } from '../protocol/errors.ts';
import type { Reply } from '../protocol/reply.ts';
import type { RequestId } from '../protocol/request.ts';

/** What a command may ask for. */
export type CommandEffect =
  /** Begin a put: `write`s and one `commit` (or `abort`) follow. Only a failure is reported. */
  | {
      readonly type: 'openPut';
      readonly name: string;
      readonly size: number;
      readonly mtime?: number | undefined;
      readonly ifAbsent?: boolean | undefined;
      /** What the store calls the upload (see `uploadKey`), and where in the content the bytes begin that will come. */
      readonly upload?: string | undefined;
      readonly offset?: number | undefined;
      readonly crc32?: number | undefined;
      readonly sha256?: string | undefined;
    }
  /**
   * Append to the put. Only a failure is reported, once; the sink has then cleaned up after itself. Hand on the `credit`
   * of the `data` with its bytes; what a command does not hand on is given back for it. Bytes that were written are
   * received into again: copy what you keep.
   */
  | { readonly type: 'write'; readonly bytes: Uint8Array; readonly credit: number }
  /** Make what was written so far durable; answered with how much that is. */
  | { readonly type: 'sync' }
  | { readonly type: 'commit' }
  | { readonly type: 'abort' }
  /** Ask how much there is of an upload, and take it from whoever holds it. */
  | { readonly type: 'resume'; readonly upload: string }
  | { readonly type: 'cancel'; readonly upload: string }
  /** Find out whose token it is; without one, who the connection is already. */
  | { readonly type: 'hello'; readonly token?: string }
  /** Open a file to be sent; answered with its size. */
  | { readonly type: 'open'; readonly name: string }
  | { readonly type: 'stat'; readonly name: string }
  | {
      readonly type: 'list';
      readonly prefix?: string;
      readonly after?: string;
      readonly limit: number;
    }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'rename'; readonly name: string; readonly to: string; readonly ifAbsent: boolean }
  /** Something a command of your own needs: performed by the handler registered under `call`. */
  | { readonly type: 'custom'; readonly call: string; readonly with: unknown }
  | { readonly type: 'report'; readonly report: Report };

export type Effect =
  /** What a command asks for, with the number of its request. */
  | { readonly type: 'command'; readonly request: number; readonly effect: CommandEffect }
  /** Send bytes of the opened file, in its turn among the replies; answered when they are sent, or cannot be. */
  | { readonly type: 'send'; readonly request: number; readonly offset: number; readonly length: number }
  /** Let go of a file that was opened to be sent, and will not be. */
  | { readonly type: 'closeFile'; readonly request: number }
  /** Nobody waits for what a request asked for: let go of it, or of what comes of it. It has no result. */
  | { readonly type: 'drop'; readonly request: number }
  /**
   * Send a reply. One that is not `eager` may wait until the peer falls silent: a peer that never reads must not
   * be sent anything while it still sends, or its system may drop what it has not sent yet when it closes.
   */
  | { readonly type: 'reply'; readonly reply: Reply; readonly eager: boolean; readonly credit: number }
  /** Nothing more is to be done for what this credit was taken for. `bytes`, if any, were skipped: nobody saw them. */
  | { readonly type: 'release'; readonly credit: number; readonly bytes?: Uint8Array }
  /** A command of your own threw something: a bug, to be told to whoever runs the server. */
  | { readonly type: 'internal-error'; readonly thrown: unknown }
  /** Everything is answered: end our side once the replies are sent, and take no more from the peer. */
  | { readonly type: 'end' };

/** What happened in a session, for logs and metrics; no part of the conversation. `id` is the peer's, if it gave one. */
export type Report =
  /** A file is under its name; whether or not anybody is left to be told. */
  | {
      readonly type: 'stored';
      readonly filename: string;
      readonly size: number;
      readonly crc32: number;
      readonly durable: boolean;
      readonly id?: RequestId;
    }
  /** A request was carried out, a `put` too; a `get` once all bytes are sent. */
  | {
      readonly type: 'served';
      readonly cmd: string;
      readonly filename?: string;
      readonly id?: RequestId;
    }
  /** A request was refused, or the frames could not be told apart. */
  | {
      readonly type: 'refused';
      readonly cmd?: string;
      readonly filename?: string;
      readonly id?: RequestId;
      readonly error: ErrorInfo;
    };

/**
 * Effects: the requests of a session to its surroundings, as plain data that compares by value.
 *
 * The effects of a request carry its number, so that the result finds its way back.
 */
import type { ServiceFault } from '../protocol/errors.ts';
import type { Reply } from '../protocol/reply.ts';
import type { RequestId } from '../protocol/request.ts';

/** The effects that a command may ask for. */
export type CommandEffect =
  /** Begin a put: `write`s and one `commit` (or `abort`) follow. It has a result only when it fails. */
  | {
      readonly type: 'openPut';
      readonly name: string;
      readonly size: number;
      readonly mtime?: number | undefined;
      readonly ifAbsent?: boolean | undefined;
      /**
       * The id of the upload in the store (see `uploadKey`), and the offset in the content at which the bytes begin.
       */
      readonly upload?: string | undefined;
      readonly offset?: number | undefined;
      readonly crc32?: number | undefined;
      readonly sha256?: string | undefined;
    }
  /**
   * Append to the put. It has a result only when it fails, and only once; the sink has then cleaned up after itself.
   * The memory of bytes that were written is used again: copy the bytes that you keep.
   */
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  /** Make everything written so far durable. The result is the offset up to which it is. */
  | { readonly type: 'sync' }
  | { readonly type: 'commit' }
  | { readonly type: 'abort' }
  /** Ask how many bytes there are of an upload, and take it over from the connection that has it. */
  | { readonly type: 'resume'; readonly upload: string }
  | { readonly type: 'cancel'; readonly upload: string }
  /** Find the principal that has the token; without a token, the principal of the connection. */
  | { readonly type: 'hello'; readonly token?: string }
  /** Open a file to be sent. The result is its size. */
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
  /** Something that a command of your own needs. The handler that is registered under `call` performs it. */
  | { readonly type: 'custom'; readonly call: string; readonly with: unknown }
  | { readonly type: 'report'; readonly report: RequestReport };

export type Effect =
  /** An effect of a command, with the number of its request. */
  | { readonly type: 'command'; readonly request: number; readonly effect: CommandEffect }
  /**
   * Send bytes of the opened file, in its turn among the replies. The result comes when they are sent, or cannot be.
   */
  | { readonly type: 'send'; readonly request: number; readonly offset: number; readonly length: number }
  /** Close a file that was opened to be sent, and will not be. */
  | { readonly type: 'closeFile'; readonly request: number }
  /** Drop the effects of a request, or their results, since no reply can reach the peer. It has no result. */
  | { readonly type: 'drop'; readonly request: number }
  /**
   * Send a reply. One that is not `eager` may wait until the peer is quiet. Nothing must be sent to a peer that never
   * reads while it still sends: when it closes, its system may drop the bytes that it has not sent yet. The bytes of
   * `body` follow it.
   */
  | { readonly type: 'reply'; readonly reply: Reply; readonly eager: boolean; readonly body?: Uint8Array }
  /** Report an exception that a command of your own threw to the operator of the server. */
  | { readonly type: 'internal-error'; readonly thrown: unknown }
  /** Everything is answered: end our side once the replies are sent, and read no more requests. */
  | { readonly type: 'end' };

/** An event of a session for logs and metrics; no part of the protocol. `id` is the peer's, if it gave one. */
export type RequestReport =
  /** A file is stored under its name, whether or not the reply can still reach the peer. */
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
  /** A request was refused; or the frame boundaries are lost, and the fault was sent. */
  | {
      readonly type: 'refused';
      readonly cmd?: string;
      readonly filename?: string;
      readonly id?: RequestId;
      readonly error: ServiceFault;
    };

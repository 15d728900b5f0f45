/**
 * Effects: the requests of a session to its surroundings, as plain data that compares by value.
 *
 * The effects of a request carry its number, so that the result finds its way back.
 */
import type { ServiceFault } from '../protocol/errors.ts';
import type { Reply } from '../protocol/reply.ts';
import type { RequestId } from '../protocol/request.ts';

/**
 * The effects that a command may ask for. Each but `report` belongs to the request, and its result is an event of that.
 *
 * - `openPut`: begins a put of `size` bytes; `write`s and one `commit` or `abort` follow. It has a result only when it
 *   fails. `mtime` is in milliseconds since 1970, and `sha256` in hexadecimal digits.
 * - `write`: appends to the put. It has a result only when it fails, and only once; the sink has then cleaned up after
 *   itself. The memory of bytes that were written is used again: copy the bytes that you keep.
 * - `sync`: makes everything written so far durable. The result is how much that is.
 * - `commit`: makes the content visible under its name. The result is the file.
 * - `abort`: drops the put; with an `upload`, the bytes that were written stay.
 * - `resume`, `cancel`: ask how many bytes there are of an upload, and take it over; or drop it.
 * - `hello`: finds the principal that has the token; without a token, that of the connection.
 * - `open`: opens a file to be sent. The result is its size.
 * - `stat`, `list`, `remove`, `rename`: as the methods of `FileStore`.
 * - `custom`: something of your own. The handler under `call` performs it, with `with`.
 * - `report`: an event for logs and metrics. It has no result.
 */
export type CommandEffect =
  | {
      readonly type: 'openPut';
      readonly name: string;
      readonly size: number;
      readonly mtime?: number | undefined;
      readonly ifAbsent?: boolean | undefined;
      /** The id of the upload in the store. Absent: what was written is dropped when the put breaks off. */
      readonly upload?: string | undefined;
      /** The offset in the content, in bytes, at which the bytes begin; absent: 0. */
      readonly offset?: number | undefined;
      readonly crc32?: number | undefined;
      readonly sha256?: string | undefined;
    }
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  | { readonly type: 'sync' }
  | { readonly type: 'commit' }
  | { readonly type: 'abort' }
  | { readonly type: 'resume'; readonly upload: string }
  | { readonly type: 'cancel'; readonly upload: string }
  | { readonly type: 'hello'; readonly token?: string }
  | { readonly type: 'open'; readonly name: string }
  | { readonly type: 'stat'; readonly name: string; readonly checksum?: boolean }
  | {
      readonly type: 'list';
      readonly prefix?: string;
      readonly after?: string;
      readonly limit: number;
    }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'rename'; readonly name: string; readonly to: string; readonly ifAbsent: boolean }
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

/**
 * An event of a request for logs and metrics; no part of the protocol. `id` is the peer's, if it gave one.
 *
 * - `stored`: a file is stored under its name, whether or not the reply can still reach the peer. `size` is in bytes,
 *   and `crc32` the CRC-32 of the content.
 * - `served`: a request was carried out, a `put` too; a `get` once all bytes are sent.
 * - `refused`: a request was refused; or the frame boundaries are lost, and the fault was sent.
 */
export type RequestReport =
  | {
      readonly type: 'stored';
      readonly filename: string;
      readonly size: number;
      readonly crc32: number;
      readonly durable: boolean;
      readonly id?: RequestId;
    }
  | {
      readonly type: 'served';
      readonly cmd: string;
      readonly filename?: string;
      readonly id?: RequestId;
    }
  | {
      readonly type: 'refused';
      readonly cmd?: string;
      readonly filename?: string;
      readonly id?: RequestId;
      readonly error: ServiceFault;
    };

/**
 * Replies of a server: an acknowledgement, or an error in the same framing.
 *
 * Every reply names the command that it answers and carries the `id` of its request, if that had one.
 */
import { ANYTHING, checkOptions } from '../../wire/argument.ts';
import { type HeadFault, headFault } from '../../wire/fault.ts';
import type { Framing } from '../../wire/framing.ts';
import { type JsonHeader, jsonHeader } from '../../wire/json-header.ts';
import type { ServiceFault } from './errors.ts';
import type { RequestId } from './request.ts';

/** The reply to a request that was carried out, as a server sends it: JSON. */
export interface Ack {
  /** The command of the request; `progress` for one that goes on. */
  readonly ack: string;
  /** The `id` that the request had. */
  readonly id?: RequestId;
  /** Bytes that follow the header; 0 when absent. */
  readonly body?: number;
  readonly [field: string]: unknown;
}

/**
 * The reply to a request that was refused. The requests behind it are still served unless the code of the error is
 * fatal.
 */
export interface Refusal {
  readonly error: ServiceFault;
  /** The command that was refused; absent when there was none to read. */
  readonly cmd?: string;
  readonly id?: RequestId;
}

export type Reply = Ack | Refusal;

export const isRefusal = (reply: Reply): reply is Refusal =>
  typeof reply === 'object' && reply !== null && 'error' in reply;

/** The ack of a `put`. With `durable: true` the file and its directory entry are both on the disk. */
export interface PutAck extends Ack {
  readonly ack: 'put';
  readonly filename: string;
  readonly size: number;
  readonly crc32: number;
  readonly durable: boolean;
}

/** The length of the body behind the header of a reply. The header may be anything that a server sends. */
export function replyBodyLength(header: JsonHeader): number | HeadFault {
  const { body = 0 } = header;
  if (typeof body === 'number') return body;
  return headFault('body-length-invalid', "'body' of a reply must be a number of bytes");
}

/**
 * The framing of the replies of a server. Only the reply to a `get` has a body, which is streamed.
 *
 * @param options `maxHeader`: the most bytes of JSON in a header; default 65,536.
 * @throws RangeError when `maxHeader` is out of its bounds.
 * @example
 * connection.chunks$.pipe(deframe(replyFraming())).subscribe({
 *   next: (event) => {
 *     if (event.type === 'start') console.log(event.header.ack ?? event.header.error);
 *   },
 *   error: (error) => console.error(error.message),
 * });
 */
export function replyFraming(options: { readonly maxHeader?: number } = {}): Framing<JsonHeader> {
  checkOptions('replyFraming', options, { maxHeader: ANYTHING });
  return jsonHeader({ ...options, bodyLength: replyBodyLength });
}

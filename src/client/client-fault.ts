/** Why a request failed, as data and as the Error that the client's Observables error with. */
import { SluiceError } from '../base/sluice-error.ts';
import type { ServiceFault } from '../files/protocol/errors.ts';
import type { ConnectionFault } from '../transport/connection.ts';
import { ConnectionError } from '../transport/connection-error.ts';
import { check, type Rule } from '../wire/argument.ts';

/**
 * Why a request failed: the data of a `ClientError`.
 *
 * - `refused`: the server refused the request, and `error` says why. The connection stays open.
 * - `connection`: the connection ended, or had ended before; `cause` says why. With `sent: false` no byte of the
 *   request left, so that any request can be made again on another connection. Otherwise the server may or may not have
 *   carried it out.
 * - `protocol`: the server breaks the protocol, or says that we did: `error` is its own, if it sent one. The client has
 *   dropped the connection.
 * - `content`: the content could not be read, or has not the bytes that it promised; `cause` is a `ContentError`, or
 *   what the content has thrown. Nothing of it is stored.
 * - `mismatch`: the size or the CRC-32 in the server's ack differs from that of the bytes sent.
 * - `too-large`: the body of the answer is longer than the request allowed. The connection stays open.
 * - `unsendable`: the request cannot be encoded: its name is too long for a header. Nothing was sent.
 */
export type ClientFault =
  | { readonly code: 'refused'; readonly error: ServiceFault }
  | { readonly code: 'connection'; readonly cause: ConnectionFault; readonly sent: boolean }
  | {
      readonly code: 'protocol';
      readonly message: string;
      /** The server's own error, if it sent one before it gave the connection up. */
      readonly error?: ServiceFault;
    }
  | { readonly code: 'content'; readonly message: string; readonly cause?: unknown }
  | { readonly code: 'mismatch'; readonly message: string }
  | { readonly code: 'too-large'; readonly message: string }
  | { readonly code: 'unsendable'; readonly message: string };

/**
 * A request has failed: what the Observables of a client, of uploads and of downloads error with. `code` says in which
 * way; of a refusal, `error` is what the server has said, and of a broken connection, `cause` is a `ConnectionError`.
 *
 * @example
 * client.stat('a.txt').subscribe({
 *   next: ({ size }) => console.log(size),
 *   error: (error) => {
 *     if (error instanceof ClientError && error.error?.code === 'not-found') console.log('there is none');
 *     else console.error(error.message);
 *   },
 * });
 */
export class ClientError extends SluiceError {
  declare readonly code: ClientFault['code'];
  declare readonly fault: ClientFault;

  constructor(fault: ClientFault) {
    super(fault, { message: describeFault(fault), cause: causeOf(fault) });
  }

  override get name(): 'ClientError' {
    return 'ClientError';
  }

  /** The server's own error, where it has sent one: why it refused, say. */
  get error(): ServiceFault | undefined {
    return 'error' in this.fault ? this.fault.error : undefined;
  }

  /** Whether the server may have had the request, of which the connection broke; undefined for other failures. */
  get sent(): boolean | undefined {
    return this.fault.code === 'connection' ? this.fault.sent : undefined;
  }
}

function causeOf(fault: ClientFault): unknown {
  if (fault.code === 'connection') return new ConnectionError(fault.cause);
  return fault.code === 'content' ? fault.cause : undefined;
}

/**
 * Says why a request failed, in one sentence: the message of the `ClientError`.
 *
 * @example
 * const cause = { code: 'refused', message: 'nobody listens' } as const;
 * describeFault({ code: 'connection', cause, sent: false }); // 'nobody listens'
 */
export function describeFault(fault: ClientFault): string {
  check('what describeFault is given', fault, A_FAULT);
  switch (fault.code) {
    case 'refused':
      return fault.error.message;
    case 'connection':
      return fault.cause.message;
    default:
      return fault.message;
  }
}

/**
 * Whether a value that an Observable errored with is a `ClientError`, or the data of one: both can be read alike.
 *
 * @example
 * client.stat('a.txt').subscribe({
 *   next: ({ size }) => console.log(size),
 *   error: (error) => console.error(isClientFault(error) ? describeFault(error) : String(error)),
 * });
 */
export function isClientFault(thrown: unknown): thrown is ClientFault {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return false;
  // A connection that is refused has that code too.
  return FAULT_CODES.has(thrown.code) && (thrown.code !== 'refused' || 'error' in thrown);
}

const A_FAULT: Rule = {
  words: 'a ClientFault, which an Observable of a client errors with',
  isKind: isClientFault,
};

const FAULT_CODES = new Set<unknown>([
  'refused',
  'connection',
  'protocol',
  'content',
  'mismatch',
  'too-large',
  'unsendable',
] satisfies ClientFault['code'][]);

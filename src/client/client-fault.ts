/** Why a request failed, as data. The client's Observables error with it. */
import type { ServiceFault } from '../files/protocol/errors.ts';
import type { ConnectionFault } from '../transport/connection.ts';
import { check, type Rule } from '../wire/argument.ts';

export type ClientFault =
  /** The server refused the request and said why. The connection stays open. */
  | { readonly type: 'refused'; readonly error: ServiceFault }
  /**
   * The connection ended, or had ended before. With `sent: false` no byte of the request left, so that any request can
   * be made again on another connection. Otherwise the server may or may not have carried it out.
   */
  | { readonly type: 'connection'; readonly fault: ConnectionFault; readonly sent: boolean }
  /** The server breaks the protocol, or says that we did. The client has dropped the connection. */
  | {
      readonly type: 'protocol';
      readonly message: string;
      /** The server's own error, if it sent one before it gave the connection up. */
      readonly error?: ServiceFault;
    }
  /** The content could not be read, or has fewer bytes than it promised. Nothing of it is stored. */
  | { readonly type: 'content'; readonly message: string; readonly thrown?: unknown }
  /** The size or the CRC-32 in the server's ack differs from that of the bytes sent. */
  | { readonly type: 'mismatch'; readonly message: string }
  /** The request cannot be encoded: its name is too long for a header. Nothing was sent. */
  | { readonly type: 'unsendable'; readonly message: string };

/** @example describeFault({ type: 'refused', error }) // 'there is no such file' */
export function describeFault(fault: ClientFault): string {
  check('what describeFault is given', fault, A_FAULT);
  switch (fault.type) {
    case 'refused':
      return fault.error.message;
    case 'connection':
      return fault.fault.message;
    default:
      return fault.message;
  }
}

/** Whether a value that an Observable errored with is a `ClientFault`. */
export const isClientFault = (thrown: unknown): thrown is ClientFault =>
  typeof thrown === 'object' && thrown !== null && 'type' in thrown && FAULT_TYPES.has(thrown.type);

const A_FAULT: Rule = {
  words: 'a ClientFault, which an Observable of a client errors with',
  isKind: isClientFault,
};

const FAULT_TYPES = new Set<unknown>([
  'refused',
  'connection',
  'protocol',
  'content',
  'mismatch',
  'unsendable',
] satisfies ClientFault['type'][]);

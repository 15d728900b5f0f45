/** Why a request failed, as data: what the client's Observables error with. */
import type { ErrorInfo } from '../files/protocol/errors.ts';
import type { ConnectionFault } from '../transport/connection.ts';
import { check, type Rule } from '../wire/argument.ts';

export type ClientFault =
  /** The server refused it, and said why. The connection goes on. */
  | { readonly type: 'refused'; readonly error: ErrorInfo }
  /**
   * The connection is over, or was before. `sent: false` says that no byte of the request left, so that it can be made
   * again on another connection whatever it is; else it may or may not have been carried out.
   */
  | { readonly type: 'connection'; readonly fault: ConnectionFault; readonly sent: boolean }
  /** The server does not keep to the protocol, or cannot follow what we sent. The connection was dropped. */
  | {
      readonly type: 'protocol';
      readonly message: string;
      /** What the server said as it gave up on the connection, if it did. */
      readonly error?: ErrorInfo;
    }
  /** The content could not be read, or not as many bytes as it had promised. Nothing of it is stored. */
  | { readonly type: 'content'; readonly message: string; readonly thrown?: unknown }
  /** The server stored something other than what was sent, as the size or the CRC-32 of its ack says. */
  | { readonly type: 'mismatch'; readonly message: string }
  /** The request has no form in which it can be sent: its name is too long for a header. Nothing was sent. */
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

/** Whether something an Observable errored with is a `ClientFault`. */
export const isClientFault = (thrown: unknown): thrown is ClientFault =>
  typeof thrown === 'object' && thrown !== null && 'type' in thrown && faultTypes.has(thrown.type);

const A_FAULT: Rule = {
  words: 'a ClientFault, which an Observable of a client errors with',
  isKind: isClientFault,
};

const faultTypes = new Set<unknown>([
  'refused',
  'connection',
  'protocol',
  'content',
  'mismatch',
  'unsendable',
] satisfies ClientFault['type'][]);

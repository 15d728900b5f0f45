/** The transitions with which a command ends a request: an ack, or an error. */
import { check, checkFields, RECORD, TEXT } from '../../wire/argument.ts';
import { type BytesLike, bytesOf } from '../../wire/bytes.ts';
import type { ServiceFault } from '../protocol/errors.ts';
import type { Transition } from './command.ts';

/** The fields of an ack that say which request it answers, and how many bytes are behind it. */
const OWN_FIELDS = ['ack', 'id', 'body'] as const;
const OWN_FIELD = 'the session adds it, by the request and by the bytes that are given as the body';

/**
 * The transition that ends a request well: an ack with these fields, and perhaps bytes behind it.
 *
 * @param fields not `ack`, `id` and `body`, which the session adds.
 * @param body bytes that are the body of the ack, which gets their number as the field `body`. They are copied, so they may
 *   be those of an event `data`, and count as memory of the connection until they are sent: a file is better sent from
 *   the store, as `get` does.
 * @throws TypeError when the fields are no object, or the body is not bytes.
 * @example acknowledge(null, { bytes: 3 }); // { state: null, replies: [{ type: 'ack', fields: { bytes: 3 } }], done: true }
 * @example acknowledge(null, { type: 'image/png' }, bytes); // the picture behind the fields
 */
export function acknowledge<S>(
  state: S,
  fields: Readonly<Record<string, unknown>> = {},
  body?: BytesLike,
): Transition<S> {
  check('acknowledge: the fields', fields, RECORD);
  for (const name of OWN_FIELDS) {
    if (fields[name] !== undefined)
      throw new TypeError(`acknowledge: the fields must not have '${name}': ${OWN_FIELD}`);
  }
  if (body === undefined) return { state, replies: [{ type: 'ack', fields }], done: true };
  // Not `slice`: for a Buffer that does not copy.
  const bytes = new Uint8Array(bytesOf(body, 'acknowledge: the body'));
  return { state, replies: [{ type: 'ack', fields, body: bytes }], done: true };
}

/**
 * The transition that ends a request with an error. The session skips the rest of the body.
 *
 * @example refuse(null, serviceFault('not-found')); // { state: null, replies: [{ type: 'error', error: … }], done: true }
 */
export function refuse<S>(state: S, error: ServiceFault): Transition<S> {
  checkFields('refuse', error, { code: TEXT, message: TEXT });
  return { state, replies: [{ type: 'error', error }], done: true };
}

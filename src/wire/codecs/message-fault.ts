/** Messages that cannot be understood, though their frames can. */
import { SluiceError } from '../../base/sluice-error.ts';
import type { Decoded } from '../codec.ts';
import { faultAt, type HeadFault, headFault, SAMPLE_BYTES_MAX } from '../fault.ts';

/**
 * Thrown by a function that makes a message of bytes, when it cannot. The stream then has a fault that is not fatal,
 * in the place of the message: the messages behind it are found all the same.
 *
 * @example
 * const flags = messages(lengthField({ width: 2, maxLength: 1 }), {
 *   decode(bytes): boolean {
 *     if (bytes.length !== 1) throw new MessageFault(`a flag has 1 byte, and this has ${bytes.length}`);
 *     return bytes[0] !== 0;
 *   },
 *   encode: (flag: boolean) => Uint8Array.of(flag ? 1 : 0),
 * });
 */
export class MessageFault extends SluiceError {
  /** Always `message-invalid`. */
  declare readonly code: HeadFault['code'];
  /** The fault that the stream has in the place of the message. */
  declare readonly fault: HeadFault;

  constructor(message: string) {
    super(headFault('message-invalid', message));
  }

  override get name(): 'MessageFault' {
    return 'MessageFault';
  }
}

/**
 * Makes a message of its bytes.
 *
 * @param make throws a `MessageFault` when it cannot. Anything else that it throws is thrown on: it is a bug.
 * @internal
 */
export function decodedMessage<In>(
  make: () => In,
  costOf: (message: In) => number,
  bytes: Uint8Array,
  position: number,
): Decoded<In> {
  try {
    const message = make();
    return { type: 'message', message, cost: costOf(message), position };
  } catch (thrown) {
    if (!(thrown instanceof MessageFault)) throw thrown;
    const sample = new Uint8Array(bytes.subarray(0, SAMPLE_BYTES_MAX));
    return { type: 'fault', fault: faultAt(thrown.fault, position, sample, false) };
  }
}

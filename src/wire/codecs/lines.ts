/** Lines of text. */
import { check, TEXT } from '../argument.ts';
import type { Codec } from '../codec.ts';
import { checkedOptions, type DelimitedOptions, mustHaveNoBody } from './delimited.ts';
import { type DelimitedState, delimitedDecoder } from './delimited-decoder.ts';
import { MessageFault } from './message-fault.ts';

const LF = Uint8Array.of(0x0a);
const encoder = new TextEncoder();

/**
 * Lines of UTF-8 text. A line ends with `\n` or `\r\n`, and is handed on without either. What stands behind the last
 * line end is a line too, when the stream ends there. A line that is not UTF-8 is the fault `message-invalid`.
 *
 * @param options `maxLength` is the longest line, in bytes without its end.
 * @throws RangeError when `maxLength` is out of its bounds.
 * @example
 * const shout = defineActor()({
 *   codec: lines({ maxLength: 1000 }),
 *   …
 * });
 */
export function lines(options: DelimitedOptions): Codec<string> {
  const { maxLength } = checkedOptions('lines', options);
  const decoder = delimitedDecoder(LF, maxLength, textOf, { most: 1, trimmed: withoutCr });
  return {
    decoder: {
      ...decoder,
      finish: (state: DelimitedState) => {
        if (state.held === null || state.over) return decoder.finish(state);
        return decoder.step(state, LF, 0, 1).decoded;
      },
    },
    heldMax: maxLength + 2,
    encode(line, bodyLength = 0) {
      check('a line', line, TEXT);
      mustHaveNoBody(bodyLength);
      if (line.includes('\n')) throw new RangeError('a line must not contain a line end');
      const bytes = encoder.encode(`${line}\n`);
      if (bytes.length - 1 > maxLength)
        throw new RangeError(`a line has ${bytes.length - 1} bytes, and the most is ${maxLength}`);
      return [bytes];
    },
  };
}

const withoutCr = (bytes: Uint8Array): Uint8Array =>
  bytes.at(-1) === 0x0d ? bytes.subarray(0, bytes.length - 1) : bytes;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new MessageFault('the text is not valid UTF-8');
  }
}

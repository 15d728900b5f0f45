/** Lines of text. */
import { check, TEXT } from '../argument.ts';
import type { Codec } from '../codec.ts';
import { checkedOptions, type DelimitedOptions, mustHaveNoBody } from './delimited.ts';
import { type DelimitedState, delimitedDecoder } from './delimited-decoder.ts';
import { MessageFault } from './message-fault.ts';

const LF = Uint8Array.of(0x0a);
const encoder = new TextEncoder();

/**
 * Lines of UTF-8 text. A line ends with `\n`, and is handed on without it and without any `\r` before it. What stands
 * behind the last line end is a line too, when the stream ends there. A line that is not UTF-8 is the fault
 * `message-invalid`.
 *
 * @param options `maxLength` is the longest line, in bytes without its end.
 * @throws RangeError when `maxLength` is out of its bounds. `encode` throws one for a line that is longer, has a `\n` in
 *   it, or ends with `\r`.
 * @example
 * const shout = defineActor()({
 *   codec: lines({ maxLength: 1000 }),
 *   reduce: (state, event) => ({
 *     state,
 *     effects: event.type === 'message' ? [{ type: 'send', message: event.message.toUpperCase() }] : [],
 *   }),
 * });
 */
export function lines(options: DelimitedOptions): Codec<string> {
  const { maxLength } = checkedOptions('lines', options);
  const decoder = delimitedDecoder(LF, maxLength, textOf, { most: 1, trimmed: withoutCrs });
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
      if (line.endsWith('\r'))
        throw new RangeError(
          'a line must not end with a CR, which the peer would take for a part of the line end: ' +
            'send it without, since encode adds the line end itself',
        );
      const bytes = encoder.encode(`${line}\n`);
      if (bytes.length - 1 > maxLength)
        throw new RangeError(`a line has ${bytes.length - 1} bytes, and the most is ${maxLength}`);
      return [bytes];
    },
  };
}

/** All of them: else a line that was decoded could not be sent on. */
function withoutCrs(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0x0d) end--;
  return bytes.subarray(0, end);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new MessageFault('the text is not valid UTF-8');
  }
}

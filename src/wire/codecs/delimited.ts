/** Messages that end with a delimiter. */
import { ANYTHING, checkOptions } from '../argument.ts';
import { type BytesLike, bytesOf, owned } from '../bytes.ts';
import type { Codec } from '../codec.ts';
import { mustBeWithin } from '../length-options.ts';
import { delimitedDecoder } from './delimited-decoder.ts';
import { createDelimiterSearch } from './delimiter-search.ts';

/** The bound that `delimited` and `lines` need: a peer that never sends the delimiter must not fill the memory. */
export interface DelimitedOptions {
  /** The largest message without its delimiter, in bytes, 0 to 2^30. Beyond it: the fatal fault `length-too-large`. */
  readonly maxLength: number;
}

/** The largest `maxLength`: a message is gathered in one piece. */
const LENGTH_MAX = 2 ** 30;
/** The longest delimiter, in bytes. */
const DELIMITER_MAX = 1024;

/**
 * Makes a codec of messages that end with a delimiter: any bytes that no message contains. A message is handed on
 * without its delimiter. A stream that ends behind the last delimiter has the fault `truncated` there. `encode` throws
 * a RangeError for a message that is too long, or has the delimiter in it.
 *
 * @param delimiter 1 to 1,024 bytes, in any form.
 * @throws TypeError or RangeError when an argument is of the wrong kind or out of its bounds.
 * @example
 * const records = delimited(Uint8Array.of(0), { maxLength: 65_536 });
 * chunks$.pipe(frames(records)).subscribe({
 *   next: (record) => console.log(`${record.length} bytes`),
 *   error: (error) => console.log(error.message),
 * });
 */
export function delimited(delimiter: BytesLike, options: DelimitedOptions): Codec<Uint8Array> {
  const end = new Uint8Array(bytesOf(delimiter, 'delimited: the delimiter'));
  mustBeWithin('delimited: the length of the delimiter', end.length, 1, DELIMITER_MAX);
  const { maxLength } = checkedOptions('delimited', options);
  const search = createDelimiterSearch(end);
  return {
    decoder: delimitedDecoder<Uint8Array>(end, maxLength, owned),
    heldMax: maxLength + end.length,
    encode(message, bodyLength = 0) {
      const bytes = bytesOf(message, 'a message');
      if (bytes.length > maxLength)
        throw new RangeError(`a message has ${bytes.length} bytes, and the most is ${maxLength}`);
      mustHaveNoBody(bodyLength);
      const result = search(bytes, 0, 0);
      if (result >= 0) throw new RangeError('a message must not contain its delimiter');
      // The end of the message and what follows may have it too early: LF before LF LF, say.
      if (search(end, 0, ~result) < end.length)
        throw new RangeError('a message must not end so that its delimiter is found too early');
      return [bytes, end];
    },
  };
}

/** @internal */
export function checkedOptions(of: string, options: DelimitedOptions): DelimitedOptions {
  checkOptions(of, options, { maxLength: ANYTHING });
  mustBeWithin(`${of}: maxLength`, options.maxLength, 0, LENGTH_MAX);
  return options;
}

/** @internal */
export function mustHaveNoBody(bodyLength: number): void {
  if (bodyLength !== 0)
    throw new RangeError(
      'a body cannot follow a message that ends with a delimiter: use a codec with a length',
    );
}

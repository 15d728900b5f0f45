/**
 * Sluice's own wire: a header in JSON, and a body whose length the header declares.
 *
 * ```text
 *  +-----------------+----------------------------+-------------------------+
 *  | header length n | header: n bytes of JSON    | body: m bytes           |
 *  | int32, little-  | UTF-8, one object          | as many as the header   |
 *  | endian          |                            | says, perhaps none      |
 *  +-----------------+----------------------------+-------------------------+
 *   0               4                          4 + n                  4 + n + m
 * ```
 *
 * The length is signed, as a plain script writes it with `struct.pack('<i', n)`: so the fault can say that a length is
 * negative.
 */
import { ANYTHING, checkOptions, FUNCTION, optional } from './argument.ts';
import type { HeadFault } from './fault.ts';
import { headFault } from './fault.ts';
import type { Delivery, Framing, ParsedHead } from './framing.ts';
import type { Encoded } from './length-codec.ts';
import { encodePrefix, fieldValue, bodyLength as lengthSaid } from './length-codec.ts';
import { type LengthLayout, layoutOf, mustBeWithin } from './length-options.ts';

/** A parsed header: any JSON object. Its fields are not checked here. */
export type JsonHeader = { readonly [key: string]: unknown };

/** How `jsonHeader` bounds the headers, and finds the length of a body in them. */
export interface JsonHeaderOptions {
  /** The most bytes of JSON, 2 to 2^31 - 1; default 65,536. */
  readonly maxHeader?: number;
  /**
   * How many bytes of body follow this header, or the fault of the header. Anything but an integer from 0 to 2^53 - 1
   * is a fatal fault `body-length-invalid`, since the next frame cannot be found. The peer may send any JSON object as
   * a header, and the function must not throw.
   */
  readonly bodyLength: (header: JsonHeader) => number | HeadFault;
  /** How the deframer hands on a body, by its header and length in bytes; default always `stream`. */
  readonly delivery?: (header: JsonHeader, length: number) => Delivery;
  /** The largest body delivered whole, in bytes; default 1 MiB. */
  readonly maxWhole?: number;
}

const PREFIX_BYTES = 4;
const HEADER_BYTES_DEFAULT = 65_536;
const WHOLE_BYTES_DEFAULT = 1024 * 1024;
const NO_LEAD = new Uint8Array(0);

const layoutFor = (maxHeader: number): LengthLayout => {
  mustBeWithin('maxHeader', maxHeader, 2, 2 ** 31 - 1);
  return layoutOf({ width: PREFIX_BYTES, endian: 'little', signed: true, maxLength: maxHeader });
};
const defaultLayout = layoutFor(HEADER_BYTES_DEFAULT);

/**
 * A framing by JSON header.
 *
 * Faults, all fatal: `length-negative`, `header-empty`, `length-too-large` (the header's length); `header-invalid`
 * (not UTF-8, not JSON, or not an object); `body-length-invalid`.
 *
 * @throws RangeError when an option is out of its bounds; TypeError when it is of the wrong kind.
 * @example
 * const framing = jsonHeader({ bodyLength: (header) => Number(header.filesize ?? 0) });
 * chunks$.pipe(deframe(framing)); // start {cmd: 'put', …}, data, data, end
 */
export function jsonHeader(options: JsonHeaderOptions): Framing<JsonHeader> {
  checkOptions('jsonHeader', options, {
    bodyLength: FUNCTION,
    delivery: optional(FUNCTION),
    maxHeader: ANYTHING,
    maxWhole: ANYTHING,
  });
  const { maxHeader = HEADER_BYTES_DEFAULT, bodyLength, delivery, maxWhole = WHOLE_BYTES_DEFAULT } = options;
  mustBeWithin('maxWhole', maxWhole, 0, Number.MAX_SAFE_INTEGER);
  const layout = layoutFor(maxHeader);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  return {
    maxHead: PREFIX_BYTES + maxHeader,
    maxWhole,
    headLength(bytes: Uint8Array, start: number, end: number): number | HeadFault {
      if (end - start < PREFIX_BYTES) return PREFIX_BYTES;
      const length = lengthSaid(layout, fieldValue(layout, bytes, start, start + PREFIX_BYTES), PREFIX_BYTES);
      if (length === 0) return headFault('header-empty', 'the header length is 0', 0, 2);
      return typeof length === 'number' ? PREFIX_BYTES + length : length;
    },
    parseHead(bytes: Uint8Array, start: number, end: number): ParsedHead<JsonHeader> | HeadFault {
      const header = parseHeader(decoder, bytes.subarray(start + PREFIX_BYTES, end));
      if (isFault(header)) return header;
      // The function may have returned any value that the peer sent.
      const length: unknown = bodyLength(header.value);
      if (typeof length === 'object' && length !== null && 'code' in length) return length as HeadFault;
      if (typeof length !== 'number') {
        return headFault(
          'body-length-invalid',
          `the length of the body is of type ${typeof length}, not a number`,
        );
      }
      if (!Number.isSafeInteger(length) || length < 0) {
        return headFault('body-length-invalid', `the header says a body of ${length} bytes`, length);
      }
      const how = delivery === undefined ? 'stream' : delivery(header.value, length);
      return { header: header.value, length, delivery: how };
    },
  };
}

// Wrapped, because a header may well have a field named `code`.
function parseHeader(
  decoder: InstanceType<typeof TextDecoder>,
  bytes: Uint8Array,
): { readonly value: JsonHeader } | HeadFault {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return headFault('header-invalid', 'the header is not valid UTF-8');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return headFault('header-invalid', `the header is not valid JSON: ${(error as Error).message}`);
  }
  if (isObject(value)) return { value };
  return headFault('header-invalid', 'the header is JSON, but not an object');
}

const isFault = (it: { readonly value: JsonHeader } | HeadFault): it is HeadFault => 'code' in it;

const isObject = (value: unknown): value is JsonHeader =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const encoder = new TextEncoder();

/**
 * Encodes a header: its length, then its JSON, in a new array. Fields that are undefined are left out.
 *
 * Refuses the headers that the decoder refuses: one over `maxHeader` (`length-too-large`), and one that has no JSON
 * (with a BigInt or a cycle in it, say) or whose JSON is not an object (`header-invalid`).
 *
 * @param maxHeader the most bytes of JSON, 2 to 2^31 - 1; default 65,536.
 * @throws RangeError when `maxHeader` is out of its bounds.
 * @example encodeJsonHeader({ cmd: 'ping' }) // { ok: true, bytes: 0e 00 00 00 {"cmd":"ping"} }
 */
export function encodeJsonHeader(header: JsonHeader, maxHeader: number = HEADER_BYTES_DEFAULT): Encoded {
  const layout = maxHeader === HEADER_BYTES_DEFAULT ? defaultLayout : layoutFor(maxHeader);
  let json: string | undefined;
  try {
    json = JSON.stringify(header);
  } catch (error) {
    return {
      ok: false,
      fault: headFault('header-invalid', `the header has no JSON: ${(error as Error).message}`),
    };
  }
  if (json?.[0] !== '{')
    return { ok: false, fault: headFault('header-invalid', 'the header is not an object') };
  const length = utf8Length(json);
  const encoded = encodePrefix(layout, length, NO_LEAD, length);
  if (encoded.ok) encoder.encodeInto(json, encoded.bytes.subarray(PREFIX_BYTES));
  return encoded;
}

/** How many bytes well-formed text has in UTF-8. `JSON.stringify` makes such text: it escapes lone surrogates. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // A surrogate is half of four bytes: two. Everything else above 7FF has three.
    if (unit > 0x7f) length += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return length;
}

/**
 * Frames whose length is a number before the body: nearly every binary protocol.
 *
 * ```text
 *  protocol          options besides maxLength
 *  plain 4-byte      { width: 4 }
 *  Kafka             { width: 4, signed: true }
 *  Protocol Buffers  { width: 'varint' }
 *  PostgreSQL        { width: 4, offset: 1, counts: 'field' }
 *  MySQL             { width: 3, endian: 'little', adjustment: 1 }
 *  MQTT              { width: 'varint', offset: 1, maxVarint: 4 }
 *  BGP               { width: 2, offset: 16, counts: 'frame' }
 *  DNS over TCP      { width: 2 }
 *  HTTP/2            { width: 3, adjustment: 6 }
 * ```
 */

import { check, FUNCTION, optional } from './argument.ts';
import type { HeadFault } from './fault.ts';
import type { Framing, ParsedHead } from './framing.ts';
import { bodyLength, fieldValue, prefixSize } from './length-codec.ts';
import { type LengthFieldOptions, layoutOf, mustBeWithin, type Prefix } from './length-options.ts';

export type { LengthFieldOptions, Prefix } from './length-options.ts';

const WHOLE_BYTES_DEFAULT = 1024 * 1024;
const NO_LEAD = new Uint8Array(0);

/**
 * A framing by length field.
 *
 * Faults, all fatal: `length-negative`, `length-too-large`, `length-too-small`, `varint-too-long`. Not fatal:
 * `body-too-large`, for a body over `maxWhole` that is to be delivered whole.
 *
 * @throws RangeError when an option is out of its bounds; TypeError when it is of the wrong kind.
 * @example
 * const postgres = lengthField({ width: 4, offset: 1, counts: 'field', maxLength: 1024 * 1024 });
 * chunks$.pipe(deframe(postgres)); // a frame's header.lead[0] is the message type
 */
export function lengthField(options: LengthFieldOptions): Framing<Prefix> {
  const layout = layoutOf(options);
  const { offset, maxLength, maxHead } = layout;
  const { delivery, maxWhole = Math.min(maxLength, WHOLE_BYTES_DEFAULT) } = options;
  mustBeWithin('maxWhole', maxWhole, 0, Number.MAX_SAFE_INTEGER);
  check('lengthField: delivery', delivery, optional(FUNCTION));

  return {
    maxHead,
    maxWhole,
    headLength(bytes: Uint8Array, start: number, end: number): number | HeadFault {
      const size = prefixSize(layout, bytes, start, end);
      if (typeof size !== 'number' || size > end - start) return size;
      const length = bodyLength(layout, fieldValue(layout, bytes, start, start + size), size - offset);
      return typeof length === 'number' ? size : length;
    },
    parseHead(bytes: Uint8Array, start: number, end: number): ParsedHead<Prefix> | HeadFault {
      const value = fieldValue(layout, bytes, start, end);
      const length = bodyLength(layout, value, end - start - offset);
      if (typeof length !== 'number') return length;
      const lead = offset === 0 ? NO_LEAD : new Uint8Array(bytes.subarray(start, start + offset));
      const header: Prefix = { value: Number(value), lead };
      return { header, length, delivery: delivery === undefined ? 'whole' : delivery(header, length) };
    },
  };
}

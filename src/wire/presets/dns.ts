/**
 * DNS over TCP: each message with its length before it.
 *
 * The body is the whole message with its own header, so the head does not show whether it is a query or a response.
 */

import { headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, type MessageHead, uint16 } from './message-head.ts';

/** Bytes of the header of a DNS message: id, flags and four counts. */
const MESSAGE_BYTES_MIN = 12;

/**
 * DNS over TCP (RFC 1035, section 4.2.2; RFC 7766, section 8): each message behind its length. The body is the whole
 * message with its own header, so that the head does not show whether it is a query or a response. Usual port: 53.
 *
 * @example deframe(presets.dns.framing({ delivery: 'whole' })); // frame {body: 12 to 65,535 bytes}
 */
export const dns: Preset<MessageHead> = {
  name: 'dns',
  title: 'DNS over TCP',
  source: 'RFC 1035, section 4.2.2; RFC 7766, section 8',
  ports: [53],
  framing: (options) =>
    headFraming(
      {
        maxHead: 2,
        maxLength: 65_535,
        size: 2,
        length(bytes, start) {
          const length = uint16(bytes, start);
          if (length >= MESSAGE_BYTES_MIN) return length;
          const message = `the length says ${length}, and a DNS message has at least ${MESSAGE_BYTES_MIN} bytes`;
          return headFault('length-too-small', message, length, MESSAGE_BYTES_MIN);
        },
      },
      options,
    ),
  label: () => null,
};

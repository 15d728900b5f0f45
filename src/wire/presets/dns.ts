/**
 * DNS over TCP: each message with its length before it.
 *
 * The message is left whole in the body, so what its own header says (query or response) is not for the head to tell.
 */

import { headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, uint16 } from './message-head.ts';

/** The header of a DNS message: id, flags and four counts. */
const LEAST = 12;

export const dns: Preset = {
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
          if (length >= LEAST) return length;
          const message = `the length says ${length}, and a DNS message has at least ${LEAST} bytes`;
          return headFault('length-too-small', message, length, LEAST);
        },
      },
      options,
    ),
  label: () => null,
};

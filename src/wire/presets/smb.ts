/**
 * SMB over TCP, and the NetBIOS session service that it once needed and whose packets look the same.
 *
 * ```text
 *  port 445   00          length: 24 bits                a message, of SMB 1, 2 or 3
 *  port 139   type        flags: 7 bits, length: 17 bits
 * ```
 *
 * A NetBIOS message has type 0 as well, and its flags must be 0: read as 24 bits its length is the same.
 */
import { type HeadFault, headFault } from '../fault.ts';
import type { Preset } from '../preset.ts';
import { headFraming, headOf, hexByte, type MessageHead, uint24 } from './message-head.ts';

const TYPES: ReadonlyMap<number, string> = new Map([
  [0x00, 'session message'],
  [0x81, 'session request'],
  [0x82, 'positive session response'],
  [0x83, 'negative session response'],
  [0x84, 'retarget session response'],
  [0x85, 'session keep-alive'],
]);

/** The largest value of 17 bits. */
const NETBIOS_LENGTH_MAX = 2 ** 17 - 1;

function length(bytes: Uint8Array, start: number): number | HeadFault {
  const type = bytes[start]!;
  const declared = uint24(bytes, start + 1);
  if (!TYPES.has(type)) {
    const message = `the packet's type is ${hexByte(type)}, and is 0x00 for SMB, or 0x81 to 0x85 for NetBIOS`;
    return headFault('header-invalid', message);
  }
  if (type === 0 || declared <= NETBIOS_LENGTH_MAX) return declared;
  const message = `the length says ${declared}, and the most for a NetBIOS packet is ${NETBIOS_LENGTH_MAX}`;
  return headFault('length-too-large', message, declared, NETBIOS_LENGTH_MAX);
}

/**
 * SMB over TCP ([MS-SMB2], section 2.1), and the NetBIOS session service (RFC 1002, section 4.3), whose packets look
 * the same. Usual ports: 445 and 139.
 *
 * @example presets.smb.label(header); // 'session message'
 */
export const smb: Preset<MessageHead> = {
  name: 'smb',
  title: 'SMB over TCP, NetBIOS session service',
  source: '[MS-SMB2], section 2.1; RFC 1002, section 4.3',
  ports: [445, 139],
  framing: (options) => headFraming({ maxHead: 4, maxLength: 2 ** 24 - 1, size: 4, length }, options),
  label: (header) => TYPES.get(headOf(header)?.[0] ?? -1) ?? null,
};

/** The heads of SMB messages over TCP, told from other bytes: a length, and the message's own first bytes. */
import { uint16, uint24 } from '../../../wire/presets/message-head.ts';
import { PART_BITS_MAX, type PlausibleHeads } from './plausible-heads.ts';

const [S, M, B] = [0x53, 0x4d, 0x42];
/** The place of the S in a packet: behind its type, its length and the first byte of the message. */
const S_AT = 5;
const PREFIX_BYTES = 4;
const [SMB1, SMB2, ENCRYPTED, COMPRESSED] = [0xff, 0xfe, 0xfd, 0xfc];
const SMB1_HEADER_BYTES = 32;
const SMB2_HEADER_BYTES = 64;
const SMB2_COMMANDS = 19;
const TRANSFORM_BYTES = 52;
const COMPRESSION_BYTES = 16;
/** The bytes in front of the message, and what is looked at of its header. */
const LOOK_BYTES = PREFIX_BYTES + 42;

const uint16le = (bytes: Uint8Array, at: number): number => bytes[at]! + bytes[at + 1]! * 256;

/** Whether a message of `length` bytes begins at `at`, as far as its header shows it. */
function beginsMessage(bytes: Uint8Array, at: number, length: number): boolean {
  switch (bytes[at]) {
    case SMB2:
      return (
        length >= SMB2_HEADER_BYTES &&
        uint16le(bytes, at + 4) === SMB2_HEADER_BYTES &&
        uint16le(bytes, at + 12) < SMB2_COMMANDS
      );
    case ENCRYPTED: {
      const original = uint16le(bytes, at + 36) + uint16le(bytes, at + 38) * 65_536;
      return length === TRANSFORM_BYTES + original && uint16(bytes, at + 40) === 0;
    }
    case COMPRESSED:
      return length >= COMPRESSION_BYTES;
    case SMB1:
      return length >= SMB1_HEADER_BYTES;
    default:
      return false;
  }
}

/**
 * Type 0, a length, one of the four signatures, and what the header behind it must have: of SMB 2 and 3 its size and a
 * command, of an encrypted message the length once more. All that counts 40 bits, and the signature by itself 36.
 */
export const plausibleSmb: PlausibleHeads = {
  look: LOOK_BYTES,
  next(bytes, from, to) {
    for (let at = bytes.indexOf(S, from + S_AT); at !== -1 && at - S_AT < to; at = bytes.indexOf(S, at + 1)) {
      if (bytes[at + 1] === M && bytes[at + 2] === B) return at - S_AT;
    }
    return to;
  },
  headAt(bytes, at, end) {
    if (end - at < LOOK_BYTES || bytes[at] !== 0) return null;
    const length = uint24(bytes, at + 1);
    const message = at + PREFIX_BYTES;
    if (!beginsMessage(bytes, message, length)) return null;
    const isChecked = bytes[message] === SMB2 || bytes[message] === ENCRYPTED;
    return { size: PREFIX_BYTES + length, bits: isChecked ? PART_BITS_MAX : 36 };
  },
};

/**
 * The common part of the presets: frames whose head has their type and their length.
 *
 * ```text
 *  +---------------------------+----------------------------------+
 *  | head: length, type, magic | body                             |
 *  | size() bytes              | length() bytes                   |
 *  +---------------------------+----------------------------------+
 * ```
 *
 * A preset finds faults only in a complete head, so that a stream has the same faults however it was cut into chunks.
 */
import { hexDigits } from '../../base/bytes.ts';
import { ANYTHING, checkOptions, FUNCTION, oneOf, optional, type RulesFor } from '../argument.ts';
import { type HeadFault, headFault } from '../fault.ts';
import type { Framing, ParsedHead } from '../framing.ts';
import { mustBeWithin } from '../length-options.ts';
import type { PresetOptions } from '../preset.ts';

/** The header of every preset's frames. */
export interface MessageHead {
  /** The bytes in front of the body, the length field among them: a copy. */
  readonly head: Uint8Array;
  /** Bytes of body. */
  readonly length: number;
}

/** How to read the heads of one protocol. */
export interface HeadRules {
  /** The most bytes of a head, and of those that must have come to know its size. */
  readonly maxHead: number;
  /** The largest body the protocol allows, in bytes. */
  readonly maxLength: number;
  /** How many bytes the head has, or must have come to know that; a number when all heads have the same. */
  readonly size: number | ((bytes: Uint8Array, start: number, end: number) => number | HeadFault);
  /** How many bytes the body has, by the complete head `bytes[start..end)`; or the fault of the head. */
  length(bytes: Uint8Array, start: number, end: number): number | HeadFault;
}

const WHOLE_BYTES_DEFAULT = 1024 * 1024;

const PRESET_RULES: RulesFor<PresetOptions> = {
  // Each framing checks it, by the most that its protocol allows.
  maxLength: ANYTHING,
  delivery: optional(oneOf('stream', 'whole', 'skip')),
  side: optional(oneOf('client', 'server')),
  asked: optional(FUNCTION),
};

/** @throws TypeError when an option of a preset is of the wrong kind. */
export function checkPreset(options: PresetOptions): void {
  checkOptions('a preset', options, PRESET_RULES);
}

/**
 * @throws RangeError when `maxLength` is no integer from 0 to 2^53 - 1; TypeError when an option is of the wrong kind.
 */
export function headFraming(rules: HeadRules, options: PresetOptions = {}): Framing<MessageHead> {
  checkPreset(options);
  const { delivery = 'skip', maxLength = rules.maxLength } = options;
  mustBeWithin('maxLength', maxLength, 0, Number.MAX_SAFE_INTEGER);
  const { size } = rules;
  return {
    maxHead: rules.maxHead,
    // A caller that sets a maximum wants everything else whole.
    maxWhole: options.maxLength ?? Math.min(maxLength, WHOLE_BYTES_DEFAULT),
    headLength: typeof size === 'number' ? () => size : size,
    parseHead(bytes: Uint8Array, start: number, end: number): ParsedHead<MessageHead> | HeadFault {
      const length = rules.length(bytes, start, end);
      if (typeof length !== 'number') return length;
      if (length > maxLength) {
        const message = `the body has ${length} bytes, and the most is ${maxLength}`;
        return headFault('length-too-large', message, length, maxLength);
      }
      return { header: { head: bytes.slice(start, end), length }, length, delivery };
    },
  };
}

/** The head in a header of a preset's frames; null when the header is another one. */
export function headOf(header: unknown): Uint8Array | null {
  if (typeof header !== 'object' || header === null) return null;
  const { head } = header as Partial<MessageHead>;
  return head instanceof Uint8Array ? head : null;
}

/** The length of the body when a length field that counts `least` further bytes has this value. */
export function lengthAfter(value: number, least: number, what: string): number | HeadFault {
  if (value >= least) return value - least;
  if (value < 0) return headFault('length-negative', `${what} says ${value}, a negative number`, value, 0);
  return headFault('length-too-small', `${what} says ${value}, and the least is ${least}`, value, least);
}

/** A byte in words: `0x17`. */
export const hexByte = (byte: number): string => `0x${hexDigits(byte, 2)}`;

export const uint16 = (bytes: Uint8Array, at: number): number => bytes[at]! * 256 + bytes[at + 1]!;

export const uint24 = (bytes: Uint8Array, at: number): number => bytes[at]! * 65_536 + uint16(bytes, at + 1);

export const uint32 = (bytes: Uint8Array, at: number): number =>
  bytes[at]! * 16_777_216 + uint24(bytes, at + 1);

export const int32 = (bytes: Uint8Array, at: number): number => uint32(bytes, at) | 0;

/** An int32 in little-endian order. */
export const int32le = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/** Checksums: ignored, or verified. */
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { sum } from '../../../src/capture/dissect/checksum.ts';
import { createDissector, type DissectOptions } from '../../../src/capture/dissect/dissect.ts';
import {
  addressBytes,
  bytesOf,
  checksumOf,
  ethernet,
  ipv4,
  ipv6,
  packetOf,
  type TcpFields,
  tcp,
} from '../../support/captures/packet-bytes.ts';

const four = { from: '10.0.0.1:1234', to: '10.0.0.2:80' };
const six = { from: '[fd00::1]:1234', to: '[fd00::2]:80' };

const read = (bytes: Uint8Array, checksums?: 'ignore' | 'verify', kept = bytes.length) => {
  const options: DissectOptions = checksums === undefined ? {} : { checksums };
  return createDissector(options).dissect(packetOf(bytes, { kept }));
};

describe.each([
  ['IPv4', four, ipv4, ['10.0.0.1', '10.0.0.2']],
  ['IPv6', six, ipv6, ['fd00::1', 'fd00::2']],
] as const)('a TCP checksum over %s', (_name, ends, ip, addresses) => {
  /** What is summed before the segment itself, when that has five bytes of payload. */
  const pseudo = bytesOf(...addresses.map(addressBytes), [0, 0, 0, 25, 0, 0, 0, 6]);
  const framed = (fields: Partial<TcpFields> = {}) =>
    ethernet(ip(tcp({ ...ends, payload: 'hello', ...fields })));

  test('a TCP checksum that is wrong is nothing to speak of by default', () => {
    expect(read(framed({ checksum: 0x1234 }))).toMatchObject({ length: 5 });
    expect(read(framed({ checksum: 0x1234 }), 'ignore')).toMatchObject({ length: 5 });
  });

  test('a TCP checksum that is wrong is reported when it is verified', () => {
    const wrong = { skipped: 'checksum', message: 'TCP: wrong checksum' };
    expect(read(framed({ checksum: 0x1234 }), 'verify')).toMatchObject(wrong);
  });

  test.each([0, 1, 2, 63, 64, 65, 1448, 1449, 65_000])(
    'a TCP checksum that is right passes, with %i bytes',
    (length) => {
      const payload = Uint8Array.from({ length }, (_, at) => (at * 31) ^ (at >> 8));
      expect(read(framed({ payload }), 'verify')).toMatchObject({ length });
    },
  );

  test('a TCP checksum is over the segment, not over the padding of its frame', () => {
    const bytes = ethernet(ip(tcp({ ...ends, payload: 'x' })), { padTo: 100 });
    expect(read(bytes, 'verify')).toMatchObject({ length: 1 });
  });

  test('a TCP checksum of a packet that was cut cannot be verified, and passes', () => {
    const bytes = framed({ checksum: 0x1234 });
    expect(read(bytes, 'verify', bytes.length - 1)).toMatchObject({ length: 5 });
  });

  test('a TCP checksum that offload left, the sum of the pseudo header alone, is wrong', () => {
    const left = 0xffff - checksumOf(pseudo);
    expect(read(framed({ checksum: left }))).toMatchObject({ length: 5 });
    expect(read(framed({ checksum: left }), 'verify')).toMatchObject({ skipped: 'checksum' });
  });

  property.prop([fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.integer({ min: 1, max: 255 })])(
    'notices any one byte that changes',
    (payload, at, change) => {
      const { bytes } = tcp({ ...ends, payload });
      const changed = bytes.slice();
      changed[at % bytes.length]! ^= change;
      const carried = { ...tcp({ ...ends }), bytes: changed };
      const result = read(ethernet(ip(carried)), 'verify');
      expect(result).not.toHaveProperty('flow');
    },
  );
});

test('the header checksum of IPv4 is verified too, also of a packet that was cut', () => {
  const bytes = ethernet(ipv4(tcp({ ...four, payload: 'hello' }), { checksum: 0x1234 }));
  expect(read(bytes)).toMatchObject({ length: 5 });
  const wrong = { skipped: 'checksum', message: 'IPv4: wrong header checksum' };
  expect(read(bytes, 'verify')).toMatchObject(wrong);
  expect(read(bytes, 'verify', 40)).toMatchObject(wrong);
});

property.prop([fc.uint8Array({ maxLength: 500 }), fc.nat({ max: 20 }), fc.nat({ max: 20 })])(
  'the sum of any bytes, anywhere, is what RFC 1071 says',
  (bytes, before, after) => {
    const block = bytesOf(new Array(before).fill(0xff), bytes, new Array(after).fill(0xff));
    expect(sum(block, before, before + bytes.length)).toBe(0xffff - checksumOf(bytes));
    const view = block.subarray(before);
    expect(sum(view, 0, bytes.length)).toBe(0xffff - checksumOf(bytes));
  },
);

test('the sum of a megabyte of ones loses nothing', () => {
  expect(sum(new Uint8Array(2 ** 20).fill(0xff), 0, 2 ** 20)).toBe(0xffff);
});

test('a way to treat checksums that is none is a mistake in the program', () => {
  const checksums = 'verified' as 'verify';
  expect(() => createDissector({ checksums })).toThrow(
    new RangeError("checksums must be 'ignore' or 'verify', and is verified"),
  );
});

/** TCP headers, as the dissector reads them. */
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../../src/capture/dissect/dissect.ts';
import { NO_SCALE, TCP_ACK, TCP_PSH } from '../../../src/capture/segment.ts';
import {
  bytesOf,
  ethernet,
  flowOf,
  ipv4,
  ipv6,
  packetOf,
  segmentOf,
  type TcpFields,
  tcp,
} from '../../support/captures/packet-bytes.ts';

const four = { from: '10.0.0.1:1234', to: '10.0.0.2:80' };
const six = { from: '[fd00::1]:1234', to: '[fd00::2]:80' };

describe.each([
  ['IPv4', four, ipv4, 20],
  ['IPv6', six, ipv6, 40],
] as const)('a segment over %s', (_name, ends, ip, ipHeader) => {
  const framed = (fields: Partial<TcpFields> = {}) => ethernet(ip(tcp({ ...ends, ...fields })));
  const read = (fields: Partial<TcpFields> = {}, kept?: number) =>
    createDissector().dissect(packetOf(framed(fields), kept === undefined ? {} : { kept }));
  const segment = 14 + ipHeader;

  test('a segment is what was sent', () => {
    const packet = packetOf(framed({ seq: 7, ack: 9, flags: 'PA', payload: 'hello' }));
    expect(createDissector().dissect(packet)).toEqual({
      packet,
      flow: flowOf(ends.from, ends.to),
      seq: 7,
      ack: 9,
      flags: TCP_PSH | TCP_ACK,
      payload: packet.bytes.subarray(segment + 20),
      length: 5,
      window: 65_535,
      windowScale: null,
    });
  });

  test('a segment has the window of its header, as it is there', () => {
    expect(read({ window: 0 })).toMatchObject({ window: 0 });
    expect(read({ window: 0x1234 })).toMatchObject({ window: 0x1234 });
  });

  const scale = (shift: number) => [3, 3, shift];
  test.each<[string, number[], number | null]>([
    ['alone', scale(7), 7],
    ['of 0, which still lets the other side scale', scale(0), 0],
    [
      'as Linux has it, behind others',
      [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, ...scale(6)],
      6,
    ],
    ['above 14, which counts as 14', scale(200), 14],
    ['behind what has no length, as none', [1, 1, ...scale(2)], 2],
    ['behind the end of the options, which is none', [0, ...scale(7)], NO_SCALE],
    ['behind an option that is too short to be one', [8, 1, ...scale(7)], NO_SCALE],
    ['that does not fit into the header', [1, 1, 3, 3], NO_SCALE],
    ['that is missing', [2, 4, 5, 0xb4], NO_SCALE],
  ])('a segment of a SYN has a window scale %s', (_, options, shift) => {
    expect(read({ flags: 'S', options })).toMatchObject({ windowScale: shift });
    expect(read({ flags: 'SA', options })).toMatchObject({ windowScale: shift });
    expect(read({ flags: 'A', options })).toMatchObject({ windowScale: null });
  });

  test('the window scale of a SYN is unknown when its options were cut off in front of it, and known otherwise', () => {
    const fields = { flags: 'S', options: [2, 4, 5, 0xb4, 3, 3, 7, 0] };
    for (const kept of [0, 1, 3, 4, 5, 6]) {
      expect(read(fields, segment + 20 + kept)).toMatchObject({ windowScale: null });
    }
    expect(read(fields, segment + 20 + 7)).toMatchObject({ windowScale: 7 });
    expect(read({ flags: 'S', options: [0, 0, 0, 0] }, segment + 21)).toMatchObject({
      windowScale: NO_SCALE,
    });
  });

  test('a segment is a view of the packet, not a copy', () => {
    const packet = packetOf(framed({ payload: 'hello' }));
    const read = createDissector().dissect(packet);
    expect('flow' in read && read.payload.buffer).toBe(packet.bytes.buffer);
  });

  test('a segment has numbers up to 2^32 - 1, and every flag', () => {
    const fields = { seq: 0xffff_ffff, ack: 0xffff_fffe, flags: 'FSRPAUEC' };
    expect(read(fields)).toMatchObject({ seq: 4294967295, ack: 4294967294, flags: 0xff, length: 0 });
  });

  test('a segment is the same one that `segmentOf` makes', () => {
    const fields = { ...ends, seq: 3, options: [1, 1, 1], flags: 'SA', payload: 'abc' };
    expect(createDissector().dissect(segmentOf(fields).packet)).toEqual(segmentOf(fields));
    expect(createDissector().dissect(segmentOf(fields, { kept: 80 }).packet)).toEqual(
      segmentOf(fields, { kept: 80 }),
    );
  });

  test.each([4, 12, 40])('a segment has %i bytes of options, which are no payload', (length) => {
    const options = new Array<number>(length).fill(1);
    expect(read({ options, payload: 'abc' })).toMatchObject({ payload: bytesOf('abc'), length: 3 });
  });

  test.each([0, 1, 4])('a segment is malformed with a header of %i words', (dataOffset) => {
    expect(read({ dataOffset })).toMatchObject({
      skipped: 'malformed',
      message: expect.stringMatching(/^TCP: header length/),
    });
  });

  test('a segment is malformed with a header longer than the packet', () => {
    expect(read({ dataOffset: 7, payload: 'abcdefg' })).toMatchObject({
      skipped: 'malformed',
      message: 'TCP: header of 28 bytes, and the packet has 27 left',
    });
  });

  test('a segment has no payload when its header fills the packet', () => {
    expect(read({ dataOffset: 7, payload: 'abcdefgh' })).toMatchObject({ length: 0 });
  });

  test.each([
    ['all but the last byte', 9],
    ['one byte', 1],
    ['none', 0],
  ])('a segment that was cut has its whole length, with %s of the payload', (_what, bytes) => {
    const read_ = read({ payload: '0123456789' }, segment + 20 + bytes);
    expect(read_).toMatchObject({ payload: bytesOf('0123456789'.slice(0, bytes)), length: 10 });
  });

  test('a segment that was cut within its options has the length of its payload', () => {
    const fields = { options: new Array<number>(12).fill(1), payload: '0123456789', seq: 5 };
    const cut = read(fields, segment + 20);
    expect(cut).toMatchObject({ seq: 5, length: 10 });
    expect('flow' in cut && cut.payload.length).toBe(0);
  });

  test('a segment that was cut within the first 20 bytes of its header is cut', () => {
    expect(read({ payload: 'abc' }, segment + 19)).toMatchObject({
      skipped: 'cut',
      message: 'TCP: header of 20 bytes, and 19 of them were captured',
    });
  });

  test('a segment that never had 20 bytes is malformed', () => {
    const short = tcp(ends);
    const packet = packetOf(ethernet(ip({ ...short, bytes: short.bytes.slice(0, 19) })));
    expect(createDissector().dissect(packet)).toMatchObject({
      skipped: 'malformed',
      message: 'TCP: header of 20 bytes, and the packet has 19 left',
    });
  });
});

/** IPv4 and IPv6 headers: where TCP begins, and how long what it carries is. */
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../../src/capture/dissect/dissect.ts';
import {
  addressBytes,
  bytesOf,
  ethernet,
  extension,
  flowOf,
  fragment6,
  type Ipv4Fields,
  type Ipv6Fields,
  ipv4,
  ipv6,
  packetOf,
  tcp,
} from '../../support/captures/packet-bytes.ts';

const from4 = '192.0.2.1:5000';
const to4 = '192.0.2.2:6000';
const from6 = '[2001:db8::1]:5000';
const to6 = '[2001:db8::2]:6000';
const four = tcp({ from: from4, to: to4, payload: 'hello' });
const six = tcp({ from: from6, to: to6, payload: 'hello' });

const read = (bytes: Uint8Array, kept = bytes.length) => createDissector().dissect(packetOf(bytes, { kept }));
const hello = { payload: bytesOf('hello'), length: 5 };

describe('IPv4', () => {
  const framed = (fields: Ipv4Fields = {}) => ethernet(ipv4(four, fields));

  test.each([4, 20, 40])('an IPv4 packet with %i bytes of options is read', (length) => {
    const options = new Array<number>(length).fill(1);
    expect(read(framed({ options }))).toMatchObject({ flow: flowOf(from4, to4), ...hello });
  });

  test('an IPv4 packet trims the padding of a short frame', () => {
    const ack = tcp({ from: from4, to: to4 });
    const padded = read(ethernet(ipv4(ack), { padTo: 60 }));
    expect(padded).toMatchObject({ length: 0 });
    expect('flow' in padded && padded.payload.length).toBe(0);
    const oneByte = ethernet(ipv4(tcp({ from: from4, to: to4, payload: 'x' })), { padTo: 60 });
    expect(read(oneByte)).toMatchObject({ payload: bytesOf('x'), length: 1 });
  });

  test('an IPv4 packet trims padding that was itself cut', () => {
    expect(read(ethernet(ipv4(four), { padTo: 100 }), 70)).toMatchObject(hello);
  });

  test('an IPv4 packet of total length 0, which offload leaves, is as long as its frame', () => {
    expect(read(framed({ totalLength: 0 }))).toMatchObject(hello);
  });

  test('an IPv4 packet of total length 0 may have more than 64 KiB', () => {
    const payload = new Uint8Array(70_000).fill(7);
    const big = ethernet(ipv4(tcp({ from: from4, to: to4, payload }), { totalLength: 0 }));
    expect(read(big)).toMatchObject({ length: 70_000 });
    expect(read(big, 1000)).toMatchObject({ length: 70_000, payload: payload.subarray(0, 1000 - 54) });
  });

  test('an IPv4 packet cut by the snap length has its whole length', () => {
    expect(read(framed(), 56)).toMatchObject({ payload: bytesOf('he'), length: 5 });
  });

  test('an IPv4 packet is no longer than its frame, whatever its header says', () => {
    const bytes = framed().slice(0, 56);
    expect(createDissector().dissect(packetOf(bytes))).toMatchObject({ payload: bytesOf('he'), length: 2 });
    expect(read(framed({ totalLength: 0xffff }))).toMatchObject(hello);
  });

  test('an IPv4 packet passes an authentication header', () => {
    const signed = extension(51, four, new Array(22).fill(9));
    expect(read(ethernet(ipv4(signed)))).toMatchObject({ flow: flowOf(from4, to4), ...hello });
  });

  test.each<[string, Ipv4Fields, string]>([
    ['of version 5', { version: 5 }, 'IPv4: version 5'],
    ['with a header of 4 words', { headerLength: 4 }, 'IPv4: header length 16 bytes, and the least is 20'],
    [
      'shorter than its header',
      { totalLength: 19 },
      'IPv4: total length 19 bytes, and the header alone has 20',
    ],
    ['shorter than TCP', { totalLength: 39 }, 'TCP: header of 20 bytes, and the packet has 19 left'],
  ])('an IPv4 packet %s is malformed', (_name, fields, message) => {
    expect(read(framed(fields))).toMatchObject({ skipped: 'malformed', message });
  });

  test('an IPv4 packet with a header longer than a frame of no total length is malformed', () => {
    const bare = { ...four, bytes: new Uint8Array(0) };
    expect(read(ethernet(ipv4(bare, { totalLength: 0, headerLength: 6 })))).toMatchObject({
      skipped: 'malformed',
      message: 'IPv4: header of 24 bytes, and the packet has 20 left',
    });
  });

  test.each<[string, number, string]>([
    ['its header', 33, 'IPv4: header of 20 bytes, and 19 of them were captured'],
    ['its options', 37, 'IPv4: header of 24 bytes, and 23 of them were captured'],
  ])('an IPv4 packet cut within %s is cut', (_name, kept, message) => {
    expect(read(framed({ options: [1, 1, 1, 1] }), kept)).toMatchObject({ skipped: 'cut', message });
  });
});

describe('IPv6', () => {
  const framed = (fields: Ipv6Fields = {}) => ethernet(ipv6(six, fields));
  test.each<[string, (carried: typeof six) => typeof six]>([
    ['hop-by-hop options', (carried) => extension(0, carried)],
    ['long hop-by-hop options', (carried) => extension(0, carried, new Array(254).fill(1))],
    ['destination options', (carried) => extension(60, carried)],
    ['a routing header that has been followed', (carried) => extension(43, carried, [0, 0])],
    ['an authentication header', (carried) => extension(51, carried, new Array(22).fill(9))],
    ['an atomic fragment', (carried) => fragment6(carried, {})],
    [
      'all of them',
      (carried) =>
        extension(
          0,
          extension(
            60,
            extension(43, fragment6(extension(51, extension(60, carried), new Array(22).fill(0)), {})),
          ),
        ),
    ],
  ])('an IPv6 packet passes %s', (_name, wrapped) => {
    expect(read(ethernet(ipv6(wrapped(six))))).toMatchObject({ flow: flowOf(from6, to6), ...hello });
  });

  test('an IPv6 packet trims what is behind the packet in the frame', () => {
    expect(read(ethernet(ipv6(six), { padTo: 100 }))).toMatchObject(hello);
  });

  test('an IPv6 packet of payload length 0, which offload leaves, is as long as its frame', () => {
    expect(read(framed({ payloadLength: 0 }))).toMatchObject(hello);
  });

  test.each([
    ['with the option of jumbograms', (carried: typeof six) => extension(0, carried, [0xc2, 4, 0, 3, 0, 0])],
    ['without', (carried: typeof six) => carried],
  ])('an IPv6 packet may have more than 64 KiB, %s', (_name, wrapped) => {
    const payload = new Uint8Array(70_000).fill(7);
    const big = ethernet(ipv6(wrapped(tcp({ from: from6, to: to6, payload })), { payloadLength: 0 }));
    expect(read(big)).toMatchObject({ length: 70_000, payload });
    expect(read(big, 200)).toMatchObject({ length: 70_000 });
  });

  test('an IPv6 packet that is a jumbogram ends where its option says, if that is before its frame', () => {
    const payload = new Uint8Array(70_000).fill(7);
    const carried = tcp({ from: from6, to: to6, payload });
    const jumbo = (length: number) => {
      const option = [length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
      // Padding of one byte, and of five, before the option.
      const options = [0, 1, 3, 0, 0, 0, 0xc2, 4, ...option];
      return read(bytesOf(ethernet(ipv6(extension(0, carried, options), { payloadLength: 0 })), 'padding'));
    };
    const all = 16 + carried.bytes.length;
    expect(jumbo(all)).toMatchObject({ length: 70_000 });
    expect(jumbo(all - 10)).toMatchObject({ length: 69_990 });
    expect(jumbo(all + 1000)).toMatchObject({ length: 70_007 });
    // No jumbogram has so few.
    expect(jumbo(65_535)).toMatchObject({ length: 70_007 });
  });

  describe('on its way through the stops of a routing header', () => {
    const stop = '2001:db8::99';
    const route = (type: number, stops: readonly string[], checksums: 'ignore' | 'verify' = 'verify') => {
      const list = stops.flatMap((address) => [...addressBytes(address)]);
      const bytes = ethernet(
        ipv6({ ...extension(43, six, [type, 1, 0, 0, 0, 0, ...list]), destination: stop }),
      );
      return createDissector({ checksums }).dissect(packetOf(bytes));
    };
    const last = '2001:db8::2';

    test('an IPv6 packet on its way through the stops of a routing header goes to the last of them', () => {
      expect(route(0, [stop, last])).toMatchObject({ flow: flowOf(from6, to6), ...hello });
      expect(route(2, [last])).toMatchObject({ flow: flowOf(from6, to6), ...hello });
    });

    test('an IPv6 packet on its way through the stops of a routing header goes to the first of them in segment routing, where they are written backwards', () => {
      expect(route(4, [last, stop])).toMatchObject({ flow: flowOf(from6, to6), ...hello });
    });

    test('an IPv6 packet on its way through the stops of a routing header goes where its header says when the kind of routing is not known', () => {
      expect(route(253, [last], 'ignore')).toMatchObject({ flow: flowOf(from6, `[${stop}]:6000`), ...hello });
    });

    test('an IPv6 packet on its way through the stops of a routing header goes where its header says when no stop is written', () => {
      expect(route(0, [], 'ignore')).toMatchObject({ flow: flowOf(from6, `[${stop}]:6000`), ...hello });
    });
  });

  test('an IPv6 packet cut by the snap length has its whole length', () => {
    expect(read(framed(), 76)).toMatchObject({ payload: bytesOf('he'), length: 5 });
  });

  test.each([
    [17, 'UDP, port 5000'],
    [50, 'IPv6 next header 50, ESP'],
    [59, 'IPv6 next header 59, nothing'],
    [135, 'IPv6 next header 135, mobility'],
    [253, 'IPv6 next header 253'],
  ])('an IPv6 packet with the next header %i is other: %s', (nextHeader, message) => {
    expect(read(framed({ nextHeader }))).toMatchObject({ skipped: 'other', message });
    const behind = ethernet(ipv6(extension(0, { ...six, protocol: nextHeader })));
    expect(read(behind)).toMatchObject({ skipped: 'other', message });
  });

  test('an IPv6 packet of another version is malformed', () => {
    const bytes = ethernet(ipv6(six, { version: 4 }), { etherType: 0x86dd });
    expect(read(bytes)).toMatchObject({ skipped: 'malformed', message: 'IPv6: version 4' });
  });

  test.each<[string, number, string]>([
    ['its header', 53, 'IPv6: header of 40 bytes, and 39 of them were captured'],
    ['an extension header', 61, 'IPv6 extension: header of 8 bytes, and 7 of them were captured'],
  ])('an IPv6 packet cut within %s is cut', (_name, kept, message) => {
    expect(read(ethernet(ipv6(extension(0, six))), kept)).toMatchObject({ skipped: 'cut', message });
  });

  test('an IPv6 packet with an extension header longer than the packet is malformed', () => {
    const long = extension(60, six);
    long.bytes[1] = 255;
    expect(read(ethernet(ipv6(long)))).toMatchObject({
      skipped: 'malformed',
      message: 'IPv6 extension: header of 2048 bytes, and the packet has 33 left',
    });
  });
});

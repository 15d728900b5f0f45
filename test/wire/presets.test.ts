/** The presets on bytes made by hand from each protocol's document; real traffic is in test/capture/judge.test.ts. */
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { sluicePreset } from '../../src/files/protocol/sluice-preset.ts';
import { initialDeframeState, step } from '../../src/wire/deframe/deframe-step.ts';
import type { FrameEvent } from '../../src/wire/frame-event.ts';
import type { Framing } from '../../src/wire/framing.ts';
import { encodeJsonHeader } from '../../src/wire/json-header.ts';
import type { Preset, PresetOptions } from '../../src/wire/preset.ts';
import { presetList, presetNamed } from '../../src/wire/presets.ts';
import { cases } from '../support/random/cases.ts';
import { ascii, byteByByte, concat, cutAt, cuts, eventsOf, tell } from './stream.ts';

/** `ff*16 00 'AMQP'`: bytes in hex, some of them repeated, and ASCII in quotes. */
function bytes(text: string): Uint8Array {
  const pieces = text.match(/'[^']*'|[0-9a-f]{2}(\*\d+)?/g) ?? [];
  return concat(
    ...pieces.map((piece) => {
      if (piece.startsWith("'")) return ascii(piece.slice(1, -1));
      const [byte, times = '1'] = piece.split('*');
      return new Uint8Array(Number(times)).fill(Number.parseInt(byte!, 16));
    }),
  );
}

/** One message: its bytes, what it is said to be, and how many of the bytes are its head. */
type Message = readonly [bytes: Uint8Array | string, label: string | null, head: number];

function sluice(header: Record<string, unknown>, body: string, label: string): Message {
  const encoded = encodeJsonHeader(header);
  if (!encoded.ok) throw new Error(encoded.fault.message);
  return [concat(encoded.bytes, ascii(body)), label, encoded.bytes.length];
}

const messages: Readonly<Record<string, readonly Message[]>> = {
  amqp: [
    ["'AMQP' 00 00 09 01", 'protocol header', 8],
    ['01 00 00 00 00 00 04 00 0a 00 0b ce', 'method', 7],
    ['02 00 01 00 00 00 0e 00 3c 00*12 ce', 'content header', 7],
    ["03 00 01 00 00 00 02 'hi' ce", 'content body', 7],
    ['08 00 00 00 00 00 00 ce', 'heartbeat', 7],
  ],
  bgp: [
    ['ff*16 00 1d 01 04 fd e9 00 09 c0 00 02 01 00', 'OPEN', 19],
    ['ff*16 00 17 02 00*4', 'UPDATE', 19],
    ['ff*16 00 15 03 06 02', 'NOTIFICATION', 19],
    ['ff*16 00 13 04', 'KEEPALIVE', 19],
    ['ff*16 00 17 05 00 01 00 01', 'ROUTE-REFRESH', 19],
    ['ff*16 10 00 02 00*4077', 'UPDATE', 19],
  ],
  dns: [
    ["00 1d 00 01 01 00 00 01 00*6 03 'www' 07 'example' 00 00 01 00 01", null, 2],
    ['00 0c 00 01 84 00 00*8', null, 2],
  ],
  kafka: [
    ["00 00 00 0e 00 12 00 00 00 00 00 01 00 04 'demo'", null, 4],
    ['00 00 00 04 00 00 00 01', null, 4],
  ],
  mongodb: [
    ['15 00 00 00 01 00 00 00 00*4 dd 07 00 00 00*5', 'OP_MSG', 16],
    ['10 00 00 00 01 00 00 00 01 00 00 00 01 00 00 00', 'OP_REPLY', 16],
    ['10 00 00 00 01 00 00 00 01 00 00 00 99 09 00 00', null, 16],
  ],
  mqtt: [
    ["10 10 00 04 'MQTT' 04 02 00 3c 00 04 'demo'", 'CONNECT', 2],
    ['20 02 00 00', 'CONNACK', 2],
    ["31 ac 02 00 01 't' 78*297", 'PUBLISH', 3],
    ['82 86 80 00 00 01 00 01 61 00', 'SUBSCRIBE', 4],
    ['c0 00', 'PINGREQ', 2],
    ['d0 00', 'PINGRESP', 2],
    ['e0 00', 'DISCONNECT', 2],
    ['f0 00', 'AUTH', 2],
  ],
  mysql: [
    ["09 00 00 00 03 'select 1'", 'sequence 0', 4],
    ['00 00 00 01', 'sequence 1', 4],
    ['01 01 00 ff 00*257', 'sequence 255', 4],
  ],
  postgresql: [
    ['00 00 00 08 04 d2 16 30', 'GSSENCRequest', 8],
    ['00 00 00 08 04 d2 16 2f', 'SSLRequest', 8],
    ['00 00 00 10 04 d2 16 2e 00 00 00 01 00 00 00 02', 'CancelRequest', 8],
    ["00 00 00 13 00 03 00 00 'user' 00 'demo' 00 00", 'StartupMessage', 8],
    ["51 00 00 00 0d 'select 1' 00", 'Query', 5],
    ['53 00 00 00 04', 'Sync', 5],
    ['48 00 00 00 04', 'Flush', 5],
    ['48 00 00 00 07 00 00 00', 'CopyOutResponse', 5],
    ["53 00 00 00 09 'a' 00 'b' 00 00", 'ParameterStatus', 5],
    ["4e 00 00 00 08 'Mhi' 00", 'NoticeResponse', 5],
    ['52 00 00 00 08 00 00 00 00', 'Authentication', 5],
    ['44 00 00 00 06 00 00', 'Describe or DataRow', 5],
    ['5a 00 00 00 05 49', 'ReadyForQuery', 5],
    ['58 00 00 00 04', 'Terminate', 5],
  ],
  sluice: [
    sluice({ cmd: 'put', filename: 'a', filesize: 5, offset: 2 }, 'abc', 'put'),
    sluice({ cmd: 'get', filename: 'a', filesize: 5 }, '', 'get'),
    sluice({ cmd: 'unknown', filesize: 2 }, 'ab', 'unknown'),
    sluice({ ack: 'get', body: 2 }, 'ab', 'ack get'),
    sluice({ error: { code: 'not-found' }, cmd: 'put' }, '', 'error not-found'),
  ],
  smb: [
    ['81 00 00 44 20*68', 'session request', 4],
    ['82 00 00 00', 'positive session response', 4],
    ['83 00 00 01 8f', 'negative session response', 4],
    ['85 00 00 00', 'session keep-alive', 4],
    ["00 00 00 05 fe 'SMB' 40", 'session message', 4],
    // Over 17 bits: only SMB's own transport has so many.
    ['00 02 00 00 00*131072', 'session message', 4],
    ['81 01 00 00 00*65536', 'session request', 4],
  ],
  tds: [
    ['12 01 00 0a 00 00 01 00 ff 00', 'pre-login', 8],
    ['10 01 00 08 00 00 01 00', 'login', 8],
    ['01 01 00 09 00 00 01 00 20', 'SQL batch', 8],
    ['04 01 00 09 00 34 01 00 fd', 'tabular result', 8],
    ['17 03 03 00 03 01 02 03', 'TLS application data', 5],
  ],
  tls: [
    ['16 03 01 00 03 01 00 00', 'handshake', 5],
    ['14 03 03 00 01 01', 'change cipher spec', 5],
    ['17 03 03 01 01 00*257', 'application data', 5],
    ['17 03 03 48 00 00*18432', 'application data', 5],
    ['18 03 03 00 01 01', 'heartbeat', 5],
    ['15 03 03 00 02 01 00', 'alert', 5],
  ],
};

const rawOf = (message: Uint8Array | string) => (typeof message === 'string' ? bytes(message) : message);
const streamOf = (those: readonly Message[]) => concat(...those.map(([message]) => rawOf(message)));

const every: readonly Preset[] = [...presetList, sluicePreset];
const named = (name: string): Preset => every.find((preset) => preset.name === name)!;

/** The label, head and length of each frame, and the faults, however the stream is cut. */
const toldBy = (preset: Preset, chunks: readonly Uint8Array[], delivery: 'skip' | 'whole' = 'skip') =>
  tell(eventsOf(preset.framing({ delivery, maxLength: 2 ** 20 }), chunks));

describe('the presets', () => {
  test('the presets are found by their names, which are all different', () => {
    for (const preset of presetList) expect(presetNamed(preset.name)).toBe(preset);
    expect(new Set(presetList.map(({ name }) => name)).size).toBe(presetList.length);
    expect(presetNamed('redis')).toBeNull();
    expect(presetNamed('toString')).toBeNull();
  });

  test('the presets have names as --preset takes them, sources and ports', () => {
    for (const { name, title, source, ports } of every) {
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect([title, source].every((text) => text.length > 2)).toBe(true);
      expect(ports.length).toBeGreaterThan(0);
      for (const port of ports) expect(port > 0 && port < 65_536).toBe(true);
    }
    expect(every.map(({ name }) => name).sort()).toEqual(Object.keys(messages).sort());
  });

  test('the presets label nothing that is no header of theirs', () => {
    for (const { label } of every)
      for (const it of [null, undefined, 7, {}, []]) expect(label(it)).toBeNull();
  });
});

describe.each(Object.entries(messages))('%s', (name, all) => {
  const preset = named(name);
  const stream = streamOf(all);

  test(`the preset ${name} finds each message of a stream, labels it, and skips its body`, () => {
    const told = tell(eventsOf(preset.framing(), [stream]));
    const said = told.map((it) =>
      'fault' in it
        ? it
        : { label: preset.label(it.header), head: it.head, length: it.length, ended: it.ended },
    );
    expect(said).toEqual(
      all.map(([message, label, head]) => ({
        label,
        head,
        length: rawOf(message).length - head,
        ended: true,
      })),
    );
    expect(told.every((it) => !('fault' in it) && it.delivery === 'skip')).toBe(true);
  });

  const isShort = ([message]: Message) => rawOf(message).length < 5000;

  test(`the preset ${name} delivers bodies as the options say`, () => {
    const those = all.filter(isShort);
    const bodies = those.map(([message, , head]) => [...rawOf(message).subarray(head)]);
    for (const delivery of ['whole', 'stream'] as const) {
      const told = tell(eventsOf(preset.framing({ delivery }), [streamOf(those)]));
      expect(told.map((it) => ('fault' in it ? it : it.body))).toEqual(bodies);
    }
  });

  test(`a body over the maxLength of the preset ${name} is a fault that says so`, () => {
    const largest = Math.max(...all.map(([message, , head]) => rawOf(message).length - head));
    const within = toldCodes(preset, { maxLength: largest }, stream);
    expect(within).toEqual([]);
    expect(toldCodes(preset, { maxLength: largest - 1 }, stream)).toEqual(['length-too-large']);
  });

  const short = fc.array(fc.constantFrom(...all.filter(isShort)), { minLength: 1, maxLength: 6 });

  test.prop([short, cuts], { numRuns: cases(60) })(
    `the preset ${name} finds the same in every chunking`,
    (those, places) => {
      const bytes = streamOf(those);
      const whole = toldBy(preset, [bytes], 'whole');
      expect(whole.length).toBe(those.length);
      expect(toldBy(preset, cutAt(bytes, places), 'whole')).toEqual(whole);
      expect(toldBy(preset, byteByByte(bytes), 'whole')).toEqual(whole);
    },
  );

  test.prop([fc.uint8Array({ maxLength: 80 }), cuts, short], { numRuns: cases(300) })(
    `the preset ${name} has the same faults in every chunking, whatever the bytes are`,
    (noise, places, those) => {
      const bytes = concat(streamOf(those), noise);
      const whole = toldBy(preset, [bytes]);
      expect(toldBy(preset, cutAt(bytes, places))).toEqual(whole);
    },
  );

  test(`the preset ${name} keeps no view of the chunk in its headers`, () => {
    const chunk = stream.slice();
    const before = tell(eventsOf(preset.framing(), [chunk]));
    chunk.fill(0xaa);
    expect(tell(eventsOf(preset.framing(), [stream]))).toEqual(before);
  });
});

/** What is known before the stream goes on or ends. */
function eventsUpTo(framing: Framing<unknown>, bytes: Uint8Array): readonly FrameEvent<unknown>[] {
  return step(framing, initialDeframeState(), bytes).events;
}

function toldCodes(preset: Preset, options: { maxLength: number }, stream: Uint8Array): string[] {
  return eventsOf(preset.framing(options), [stream]).flatMap((event) =>
    event.type === 'fault' ? [event.fault.code] : [],
  );
}

describe('looking ahead:', () => {
  const alone = (preset: Preset, message: Uint8Array, options: PresetOptions = {}) =>
    tell(eventsUpTo(preset.framing({ delivery: 'whole', maxLength: 2 ** 20, ...options }), message));

  test.each(Object.entries(messages))(
    'the preset %s finds each message by its own bytes, before anything follows',
    (name, all) => {
      for (const [message] of all) expect(alone(named(name), rawOf(message))).toHaveLength(1);
    },
  );

  test('looking ahead is said by the presets that must, and by no others', () => {
    const those = every.filter(({ looksAhead }) => looksAhead !== undefined);
    expect(those.map(({ name }) => name)).toEqual(['postgresql']);
    expect(those[0]!.looksAhead?.why).toMatch(/`side`.*`asked`/);
  });

  const postgresql = named('postgresql');
  const server = (asked: () => boolean) => ({ side: 'server', asked }) as const;

  test.each([
    ['S', 'TLS: yes'],
    ['N', 'encryption: no'],
    ['G', 'GSSAPI: yes'],
  ])('the answer %s of PostgreSQL comes at once when it is known that it was asked for', (letter, label) => {
    const [told, ...more] = alone(
      postgresql,
      ascii(letter),
      server(() => true),
    );
    expect(more).toEqual([]);
    expect(told).toMatchObject({ head: 1, length: 0 });
    expect(postgresql.label((told as { header: unknown }).header)).toBe(label);
    expect(
      alone(
        postgresql,
        ascii(letter),
        server(() => false),
      ),
    ).toEqual([]);
    expect(alone(postgresql, ascii(letter))).toEqual([]);
  });

  test('a client and a server of PostgreSQL that wait for each other are both understood', () => {
    let asks = 0;
    const said: (string | null)[] = [];
    const take = (framing: Framing<unknown>, answered: () => void) => {
      let state = initialDeframeState<unknown>();
      return (bytes: Uint8Array) => {
        const stepped = step(framing, state, bytes);
        state = stepped.state;
        for (const event of stepped.events) {
          if (event.type !== 'frame') continue;
          const label = postgresql.label(event.header);
          said.push(label);
          if (postgresql.looksAhead?.asks(event.header)) asks++;
          if (postgresql.looksAhead?.answers(event.header)) answered();
        }
      };
    };
    const delivery = 'whole' as const;
    const client = take(postgresql.framing({ delivery, side: 'client' }), () => {});
    const options = { delivery, ...server(() => asks > 0) };
    const answers = take(postgresql.framing(options), () => asks--);
    client(bytes('00 00 00 08 04 d2 16 30'));
    answers(ascii('N'));
    client(bytes('00 00 00 08 04 d2 16 2f'));
    answers(ascii('N'));
    client(bytes("00 00 00 13 00 03 00 00 'user' 00 'demo' 00 00"));
    // A chunk that ends behind the type of a message: nothing was asked, so it is no answer.
    answers(bytes('52 00 00 00 08 00 00 00 00 53'));
    answers(bytes("00 00 00 09 'a' 00 'b' 00 00 4e 00 00 00 08 'Mhi' 00"));
    client(bytes('53 00 00 00 04'));
    expect(said).toEqual([
      'GSSENCRequest',
      'encryption: no',
      'SSLRequest',
      'encryption: no',
      'StartupMessage',
      'Authentication',
      'ParameterStatus',
      'NoticeResponse',
      'Sync',
    ]);
  });

  test("the byte behind PostgreSQL's answer tells it too where there is one, whatever was said to have been asked", () => {
    const stream = bytes('4e 53 16 03 03 00 01 00');
    const asked = [true, false].map((it) =>
      alone(
        postgresql,
        stream,
        server(() => it),
      ),
    );
    expect(asked[0]).toEqual(alone(postgresql, stream));
    expect(asked[1]).toEqual(asked[0]);
    expect(asked[0]).toHaveLength(3);
  });
});

describe('what is wrong is said with what was expected:', () => {
  test.each([
    ['amqp', "'AMXP' 00 00 09 01", 'header-invalid', "where a protocol header has 'AMQP'"],
    ['amqp', '07 00 00 00 00 00 00', 'header-invalid', 'type is 7, and AMQP 0-9-1 has types 1, 2, 3 and 8'],
    ['bgp', 'ff*15 fe 00 13 04', 'header-invalid', 'byte 15 of the marker is 0xfe, and all 16 are 0xff'],
    ['bgp', 'ff*16 00 12 04', 'length-too-small', 'says 18, and the least is 19'],
    ['bgp', 'ff*16 00 14 04', 'length-too-large', 'a KEEPALIVE has 19 bytes'],
    ['bgp', 'ff*16 00 13 06', 'header-invalid', 'type is 6, and BGP has types 1 to 5'],
    ['dns', '00 0b', 'length-too-small', 'says 11, and a DNS message has at least 12 bytes'],
    ['kafka', 'ff ff ff ff', 'length-negative', 'says -1, and a message has at least 4 bytes'],
    ['kafka', '00 00 00 03', 'length-too-small', 'says 3, and a message has at least 4 bytes'],
    ['mongodb', '0f 00 00 00 00*12', 'length-too-small', 'says 15, and the least is 16'],
    ['mongodb', 'ff ff ff ff 00*12', 'length-negative', 'says -1'],
    ['mongodb', '01 6c dc 02 00*12', 'length-too-large', 'says 48000001, and the most is 48000000'],
    ['mqtt', '00 00', 'header-invalid', 'type is 0, and MQTT has types 1 to 15'],
    ['mqtt', '30 80 80 80 80 01', 'varint-too-long', 'more than 4 bytes'],
    ['postgresql', '51 00 00 00 03', 'length-too-small', 'says 3, and the least is 4'],
    ['postgresql', '51 ff ff ff ff', 'length-negative', 'says -1'],
    ['postgresql', '51 3f ff ff ff', 'length-too-large', 'says 1073741823, and the most is 1073741822'],
    ['postgresql', '01 00 00 00 04', 'header-invalid', 'type is 0x01, and PostgreSQL has letters'],
    ['postgresql', '00 00 00 08 00 02 00 00', 'header-invalid', 'version 2.0, and this is version 3'],
    ['postgresql', '00 00 27 11 00 03 00 00', 'length-too-large', 'says 10001, and the most'],
    ['postgresql', '00 00 00 07 00 03 00 00', 'length-too-small', 'says 7, and the least is 8'],
    ['smb', '01 00 00 00', 'header-invalid', 'type is 0x01, and is 0x00 for SMB, or 0x81 to 0x85'],
    ['smb', '85 02 00 00', 'length-too-large', 'says 131072, and the most for a NetBIOS packet is 131071'],
    ['tds', '12 01 00 07 00 00 01 00', 'length-too-small', 'says 7, and the least is 8'],
    ['tds', '12 01 80 00 00 00 01 00', 'length-too-large', 'says 32768, and the most is 32767'],
    ['tds', '20 01 00 08 00 00 01 00', 'header-invalid', "type is 0x20, and is none of TDS's or TLS's"],
    ['tls', '13 03 03 00 01', 'header-invalid', 'type is 19, and TLS has types 20 to 24'],
    ['tls', '16 02 00 00 01', 'header-invalid', 'version is 0x02 0x00, and TLS has 0x03'],
    ['tls', '17 03 03 48 01', 'length-too-large', 'has 18433 bytes, and the most is 18432'],
    ['sluice', '0e 00 00 00 \'{"cmd": "put"}\'', 'body-length-invalid', "'filesize' and 'offset' of a put"],
  ])('a fault of the preset %s in %s has the expected bytes in its message', (name, wrong, code, message) => {
    const events = eventsOf(named(name).framing(), [bytes(wrong)]);
    expect(events).toMatchObject([{ type: 'fault', fault: { code, fatal: true, position: 0 } }]);
    expect((events[0] as { fault: { message: string } }).fault.message).toContain(message);
  });
});

describe('postgresql tells the one byte that answers an SSLRequest', () => {
  const preset = named('postgresql');
  const labels = (stream: Uint8Array) =>
    [[stream], byteByByte(stream)].map((chunks) =>
      tell(eventsOf(preset.framing(), chunks)).map((it) =>
        'fault' in it ? it.fault : [preset.label(it.header), it.head + it.length],
      ),
    );

  test.each([
    [
      'yes, and TLS follows',
      "53 16 03 03 00 02 '..' 17 03 03 00 01 '.'",
      [
        ['TLS: yes', 1],
        ['TLS handshake', 7],
        ['TLS application data', 6],
      ],
    ],
    [
      'no, twice, and messages follow',
      '4e 4e 52 00 00 00 08 00*4 53 00 00 00 08 61 00 62 00',
      [
        ['encryption: no', 1],
        ['encryption: no', 1],
        ['Authentication', 9],
        ['ParameterStatus', 9],
      ],
    ],
    [
      'no, and then an error',
      "4e 45 00 00 00 06 'S' 00",
      [
        ['encryption: no', 1],
        ['Execute or ErrorResponse', 7],
      ],
    ],
    ['no, and nothing follows', '4e', ['truncated']],
  ])('postgresql tells the byte that answers an SSLRequest: %s', (_, stream, expected) => {
    for (const told of labels(bytes(stream))) expect(told).toEqual(expected);
  });
});

test('maxLength must be a number of bytes', () => {
  for (const preset of presetList) expect(() => preset.framing({ maxLength: -1 })).toThrow(RangeError);
});

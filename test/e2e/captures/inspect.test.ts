/** `sluice inspect` as built and as a process: the table, JSON, and what it says of what is wrong. */
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { pcapBytes } from '../../support/captures/capture-bytes.ts';
import { ipv4, tcp } from '../../support/captures/packet-bytes.ts';
import { handshake, pcapOf, segments, type TcpPacket } from '../../support/captures/tcp-pcap.ts';
import {
  endAll,
  jsonLines,
  main,
  sluice,
  sluiceInRunner,
  start,
  startSluice,
} from '../../support/processes/cli.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const golden = (name: string): string => `test/golden/captures/${name}`;

/** Three frames with a length of two bytes in front, of which the last is cut. */
const frames = Uint8Array.from([0, 3, 97, 98, 99, 0, 1, 100, 0, 6, 101, 102, 103, 104, 105, 106]);

function written(packets: readonly TcpPacket[], port = 7000): string {
  const file = join(tempFolder(), 'trace.pcap');
  writeFileSync(file, pcapOf(packets, port));
  return file;
}

const glued = () => written([...handshake(0), ...segments(0, 'client', frames, [11, 2, 3])]);
/** Five packets of UDP. */
const otherThanTcp = pcapBytes({
  packets: [4789, 4789, 4789, 53, 53].map((port) => {
    const carried = tcp({ from: '10.0.0.1:40000', to: `10.0.0.2:${port}` });
    return { bytes: ipv4({ ...carried, protocol: 17 }) };
  }),
  linkType: 101,
});
const byLength = ['--length-field', 'width=2'];

describe('the table', () => {
  test('the table has a row for each frame: direction, time, length, chunks, and whether it was glued or cut', async () => {
    const { stdout, status } = await sluice(['inspect', glued(), ...byLength]);
    expect(status).toBe(0);
    expect(stdout).toBe(
      [
        '#0  10.0.0.1:40000 → 10.0.0.2:7000   2023-11-14 22:13:20.000000Z',
        '    framed as custom, as asked',
        '       frame         seconds    took         bytes chunks',
        '  →        1        0.002000                     5      1  glued      |abc|',
        '  →        2        0.002000                     3      1  glued      |d|',
        '  →        3        0.002000  2.0 ms             8      3  glued cut  |efghij|',
        '  → 3 frames in 3 chunks, 16 bytes, 3 glued, 1 cut',
        '  ← 0 frames in 0 chunks, 0 bytes',
        '    still open when the recording ended, after 4.0 ms',
        '',
        '1 conversation, 3 frames (3 glued, 1 cut), 0 gaps, 0 faults',
        '',
      ].join('\n'),
    );
  });

  test('the table fits in 100 columns for the captures of real programs', async () => {
    for (const name of ['tls.pcapng', 'postgresql.pcap', 'sluice.pcapng', 'lossy.pcap', 'mqtt.pcap']) {
      const { stdout } = await sluiceInRunner(['inspect', golden(name)]);
      expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
    }
  });

  test('the table tells each conversation in one piece, though they went on at once', async () => {
    const [one, two] = [0, 1].map((connection) => segments(connection, 'client', frames, [4]));
    const mixed = one!.flatMap((packet, i) => [packet, two![i]!]);
    const file = written([...handshake(0), ...handshake(1), ...mixed]);
    const { stdout } = await sluiceInRunner(['inspect', file, ...byLength]);
    const which = stdout
      .split('\n')
      .filter((line) => /^#|→ +\d+ +0/.test(line))
      .map((line) => line[0]);
    expect(which.join('')).toBe('#   #   ');
  });

  test('the table shows gaps and faults where they are', async () => {
    const holes = segments(0, 'client', frames, [4]).filter((_, i) => i !== 1);
    const file = written([...handshake(0), ...holes]);
    const { stdout } = await sluiceInRunner(['inspect', file, ...byLength]);
    expect(stdout).toMatch(/→ +gap +4 +not in the recording, from 4 on/);
    expect(stdout).toMatch(
      /→ +fault .* gap at 4: 4 bytes are missing, and where the next frame begins is not\n/,
    );
    expect(stdout).toContain('1 conversation, 1 frame (0 glued, 0 cut), 1 gap, 1 fault\n');
  });

  test('the table shows chunks where no framing is known, and with --chunks beside frames', async () => {
    const plain = await sluiceInRunner(['inspect', glued()]);
    expect(plain.stdout).toContain('    no framing is known for it: --preset or --length-field says one\n');
    expect(plain.stdout.match(/→ +chunk /g)?.length).toBe(3);
    const both = await sluiceInRunner(['inspect', glued(), ...byLength, '--chunks']);
    expect(both.stdout.match(/→ +chunk /g)?.length).toBe(3);
    expect(both.stdout.match(/→ +\d /g)?.length).toBeGreaterThanOrEqual(3);
  });

  test('the table has as many rows as --frames says, and counts the others', async () => {
    const { stdout } = await sluiceInRunner([
      'inspect',
      golden('tls.pcapng'),
      '--only',
      '0',
      '--frames',
      '2',
    ]);
    expect(stdout).toContain('           … and 15 more\n');
    expect(stdout).toContain('  → 6 frames in 4 chunks');
  });

  test('the table has times of day with --absolute', async () => {
    const { stdout } = await sluiceInRunner(['inspect', glued(), ...byLength, '--absolute']);
    expect(stdout).toMatch(/→ +1 22:13:20\.002000 /);
  });

  test('the table escapes what a terminal would obey, in labels and in bytes', async () => {
    const evil = JSON.stringify({ cmd: 'stat', filename: '\u001b[31m\u202e' });
    const bytes = Buffer.concat([
      Buffer.from(Int32Array.of(Buffer.byteLength(evil)).buffer),
      Buffer.from(evil),
    ]);
    const file = written([...handshake(0), ...segments(0, 'client', bytes, [1000])]);
    const { stdout } = await sluiceInRunner(['inspect', file]);
    expect(stdout).toContain('stat \\u{1b}[31m\\u{202e}\n');
    for (const raw of ['\u001b', '\u202e']) expect(stdout).not.toContain(raw);
  });
});

describe('--json', () => {
  test('inspect --json has one object a line, with times as nanoseconds and in ISO 8601', async () => {
    const { stdout } = await sluiceInRunner(['inspect', glued(), ...byLength, '--json']);
    const lines = jsonLines(stdout);
    expect(lines.map(({ type }) => type)).toEqual(['open', 'framing', 'frame', 'frame', 'frame', 'close']);
    expect(lines[0]).toEqual({
      type: 'open',
      conversation: 0,
      client: '10.0.0.1:40000',
      server: '10.0.0.2:7000',
      startedAt: '1700000000000000000',
      startedAtIso: '2023-11-14T22:13:20.000000000Z',
      opening: 'syn',
    });
    expect(lines[4]).toEqual({
      type: 'frame',
      conversation: 0,
      from: 'client',
      number: 3,
      position: 8,
      head: 2,
      length: 6,
      label: null,
      state: 'whole',
      missing: 0,
      firstPacket: 3,
      lastPacket: 5,
      capturedAt: '1700000000002000000',
      capturedAtIso: '2023-11-14T22:13:20.002000000Z',
      deliverableAt: '1700000000004000000',
      deliverableAtIso: '2023-11-14T22:13:20.004000000Z',
      chunks: 3,
      firstShared: 2,
      lastShared: 0,
      glued: true,
      cut: true,
      hex: '000665666768696a',
    });
  });

  test('inspect --json has the chunks as well with --chunks', async () => {
    const { stdout } = await sluiceInRunner(['inspect', glued(), '--preset', 'none', '--json', '--chunks']);
    const chunks = jsonLines(stdout).filter(({ type }) => type === 'chunk');
    expect(chunks).toMatchObject([
      { from: 'client', position: 0, length: 11, packet: 3, hex: '0003616263000164000665' },
      { position: 11, length: 2 },
      { position: 13, length: 3 },
    ]);
  });

  test('inspect --json has all bytes of the chunks with --chunk-bytes all, and so many as it says', async () => {
    const bytes = Uint8Array.from({ length: 3000 }, (_, at) => at * at);
    const file = written([...handshake(0), ...segments(0, 'client', bytes, [1400, 100])]);
    const hexOf = async (...flags: readonly string[]) => {
      const { stdout } = await sluiceInRunner(['inspect', file, '--preset', 'none', '--json', ...flags]);
      return jsonLines(stdout).flatMap(({ type, hex }) => (type === 'chunk' ? [hex as string] : []));
    };
    expect((await hexOf('--chunk-bytes', 'all')).join('')).toBe(Buffer.from(bytes).toString('hex'));
    const counts = async (...flags: readonly string[]) =>
      (await hexOf(...flags)).map((hex) => hex.length / 2);
    expect(await counts('--chunk-bytes', '1KiB', '--chunks')).toEqual([1024, 100, 1024, 100]);
    expect(await counts('--chunk-bytes', '0')).toEqual([0, 0, 0, 0]);
    expect(await counts('--chunks')).toEqual([64, 64, 64, 64]);
    expect(await counts()).toEqual([]);
  });

  test('inspect --json ends with what was not read, which has no conversation', async () => {
    const file = join(tempFolder(), 'other.pcap');
    writeFileSync(file, otherThanTcp);
    const { stdout, stderr, status } = await sluiceInRunner(['inspect', file, '--json']);
    expect(status).toBe(1);
    expect(jsonLines(stdout)).toEqual([
      {
        type: 'unread',
        packets: 5,
        reasons: [
          { why: 'other', message: 'UDP, port 4789, perhaps VXLAN', packets: 3, firstPacket: 1 },
          { why: 'other', message: 'UDP, port 53, perhaps DNS', packets: 2, firstPacket: 4 },
        ],
        others: 0,
      },
    ]);
    expect(stderr).toBe(
      `sluice: ${file} has no TCP connection; what it has is not read: 3 packets: UDP, port 4789, perhaps VXLAN; 2 packets: UDP, port 53, perhaps DNS\n`,
    );
  });

  test('inspect --json agrees with the table on a capture of real traffic', async () => {
    const { stdout } = await sluiceInRunner(['inspect', golden('dns.pcap'), '--json']);
    const count = jsonLines(stdout).filter(({ type }) => type === 'frame').length;
    const table = await sluiceInRunner(['inspect', golden('dns.pcap')]);
    expect(table.stdout).toContain(` ${count} frames (`);
  });
});

describe('what is read', () => {
  test('inspect reads a capture from a pipe', async () => {
    const running = startSluice(['inspect', '-'], { input: 'open' });
    createReadStream(golden('kafka.pcapng')).pipe(running.child.stdin!);
    const { stdout, status } = await running.done;
    expect(status).toBe(0);
    expect(stdout).toContain("framed as kafka, by the server's port");
  });

  test('a capture that is damaged gives everything before the damage, then the fault and status 1', async () => {
    const file = join(tempFolder(), 'cut.pcap');
    writeFileSync(file, readFileSync(golden('dns.pcap')).subarray(0, 5000));
    for (const form of [[], ['--json']]) {
      const { stdout, stderr, status } = await sluice(['inspect', file, ...form]);
      expect(status).toBe(1);
      expect(stdout).toContain('dns');
      expect(stderr).toMatch(/^sluice: .*cut\.pcap: at byte \d+: /);
    }
  });

  test('inspect says of a capture that it cannot be read, or has nothing in it', async () => {
    const file = join(tempFolder(), 'text');
    writeFileSync(file, 'this is no capture at all');
    expect(await sluiceInRunner(['inspect', file])).toMatchObject({ status: 1, stdout: '' });
    expect(await sluiceInRunner(['inspect', '/nowhere'])).toMatchObject({
      status: 1,
      stderr: 'sluice: /nowhere: there is no such file\n',
    });
    const empty = written([]);
    expect(await sluiceInRunner(['inspect', empty])).toMatchObject({
      status: 1,
      stderr: `sluice: ${empty} has no TCP connection: it has no packets\n`,
    });
    expect((await sluiceInRunner(['inspect', glued(), '--only', '7'])).stderr).toContain(
      'no conversation that --only 7',
    );
  });

  test('inspect prints no more than its reader wants: a closed pipe is no error', async () => {
    const many = new Uint8Array(3 * 200_000).map((_, i) => (i % 3 === 1 ? 1 : 0));
    const file = written([...handshake(0), ...segments(0, 'client', many, [1400])]);
    const script = `"$0" "$1" inspect "$2" --length-field width=2 | head -n 2; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await start('bash', ['-c', script, process.execPath, main, file]).done;
    expect(stdout).toMatch(/^#0 .*\n.*custom.*\n0\n$/);
    expect(stderr).toBe('');
  });
});

describe('the command line', () => {
  test('inspect prints no more help than is read', async () => {
    const script = 'exec 3> >(exit); wait "$!"; "$0" "$1" inspect --help >&3; echo "$?"';
    expect(await start('bash', ['-c', script, process.execPath, main]).done).toMatchObject({
      stdout: '0\n',
      stderr: '',
    });
  });

  test.each([
    [['trace.pcap', '--preset', 'dsn'], 'Did you mean dns? There are amqp, bgp, dns, kafka'],
    [['trace.pcap', '--preset', 'redis'], 'RESP puts no length before a message'],
    [['trace.pcap', '--length-field', 'with=4'], '"with" is no key: did you mean width?'],
    [['trace.pcap', '--length-field', 'width=2,max='], '"max=" says no value'],
    [['trace.pcap', '--length-field', 'endian=little'], 'It must say width='],
    [['trace.pcap', '--length-field', 'width=5'], 'width must be 1, 2, 3, 4, 8 or varint, and is 5'],
    [['trace.pcap', '--length-field', 'width=2,colour=red'], 'It must be KEY=VALUE,'],
    [['trace.pcap', '--length-field', 'width=2,signed=yes'], 'signed must be true or false'],
    [['trace.pcap', '--preset', 'dns', '--length-field', 'width=2'], 'cannot be used with'],
    [['trace.pcap', '--html', 'out.html', '--json'], 'cannot be used with'],
    [['trace.pcap', '--html', 'out.html', '--chunk-bytes', 'all'], 'cannot be used with'],
    [['trace.pcap', '--json', '--chunk-bytes', 'some'], 'such as 1048576, 10MiB or 1GiB, or all'],
    [['trace.pcap', '--chunk-bytes', 'all'], '--chunk-bytes is for --json'],
    [[], 'the FILE to inspect is missing'],
  ])('inspect %j is refused, and the error says what may be', async (args, says) => {
    const { status, stderr } = await sluiceInRunner(['inspect', ...args]);
    expect(status).toBe(2);
    expect(stderr).toContain(says);
  });

  test('inspect --presets lists the presets', async () => {
    const { stdout } = await sluiceInRunner(['inspect', '--presets']);
    expect(stdout).toMatch(/^dns +DNS over TCP +port 53$/m);
    expect(stdout).toMatch(/^sluice /m);
  });

  test('inspect --length-field takes every key of a length field', async () => {
    const keys = 'width=4,endian=little,signed=true,offset=1,counts=frame,adjustment=2,max=100';
    // A byte, a length that counts all of the frame but two bytes of it, and a body.
    const frame = Uint8Array.of(0x51, 6, 0, 0, 0, 1, 2, 3);
    const file = written([...handshake(0), ...segments(0, 'client', frame, [100])]);
    const { stdout } = await sluiceInRunner(['inspect', file, '--length-field', keys, '--json']);
    expect(jsonLines(stdout)).toContainEqual(expect.objectContaining({ type: 'frame', head: 5, length: 3 }));
  });
});

describe('following a side', () => {
  const said = new TextEncoder().encode('what the client has sent');
  const sent = (packets: readonly TcpPacket[]) => written([...handshake(0), ...packets]);

  test('--follow writes the bytes of one side as they were sent, and nothing else', async () => {
    const file = sent(segments(0, 'client', said, [4, 9]));
    expect(await sluice(['inspect', file, '--follow', '0:client'])).toMatchObject({
      stdout: 'what the client has sent',
      stderr: '',
      status: 0,
    });
    expect(await sluice(['inspect', file, '--follow', '0:server'])).toMatchObject({ stdout: '', status: 0 });
  });

  test('--follow goes on behind bytes that are not in the recording, and says at the end how many', async () => {
    const file = sent(segments(0, 'client', said, [4, 9]).filter((_, index) => index !== 1));
    const { stdout, stderr, status } = await sluice(['inspect', file, '--follow', '0:client']);
    expect(stdout).toBe(`what${'what the client has sent'.slice(13)}`);
    expect(stderr).toBe('sluice: 9 bytes of it are not in the recording, the first at 4\n');
    expect(status).toBe(1);
  });

  test('--follow says so where there is no such conversation, no connection, or no such side', async () => {
    const file = sent(segments(0, 'client', said, [said.length]));
    const none = await sluice(['inspect', file, '--follow', '7:client']);
    expect([none.status, none.stdout]).toEqual([1, '']);
    expect(none.stderr).toContain('has no conversation 7; sluice inspect ');
    const empty = join(tempFolder(), 'empty.pcap');
    writeFileSync(empty, otherThanTcp);
    expect((await sluice(['inspect', empty, '--follow', '0:client'])).stderr).toContain(
      'has no TCP connection',
    );
    const wrong = await sluice(['inspect', file, '--follow', '0:both']);
    expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('such as 3:server')]);
  });
});

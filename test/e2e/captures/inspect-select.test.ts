/** `sluice inspect` as built: lists, finds, follows and writes conversations, of several files and ranges of time. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { captureFile } from '../../../src/capture/capture-file.ts';
import { pcapBytes } from '../../support/captures/capture-bytes.ts';
import { ipv4, piece, tcp } from '../../support/captures/packet-bytes.ts';
import { readCapture } from '../../support/captures/read-capture.ts';
import { handshake, pcapOf, segments } from '../../support/captures/tcp-pcap.ts';
import { tshark } from '../../support/captures/tshark.ts';
import { need } from '../../support/install-tools.ts';
import { endAll, jsonLines, sluiceInRunner, startSluice } from '../../support/processes/cli.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const golden = (name: string): string => `test/golden/captures/${name}`;
const inspect = async (...args: readonly string[]) => await sluiceInRunner(['inspect', ...args]);
const byLength = ['--length-field', 'width=1'];

/** Two conversations, a millisecond a packet: that of 1 has its bytes at 4 to 7 ms, and that of 0 from 8 ms on. */
const said = Buffer.from('\x05hello\x03abc\x05world');
const packets = [
  ...[...handshake(0), ...handshake(1)],
  ...segments(1, 'client', said, [4]),
  ...segments(0, 'client', said.subarray(0, 6), [6]),
];

function written(name: string, bytes: Uint8Array): string {
  const file = join(tempFolder(), name);
  writeFileSync(file, bytes);
  return file;
}
const whole = () => written('whole.pcap', pcapOf(packets, 7000));

/** The same packets in files of three packets each, as tcpdump rotates them; the file header has 24 bytes. */
function rotated(): string[] {
  const bytes = pcapOf(packets, 7000);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const ends = [24];
  while (ends.at(-1)! < bytes.length) ends.push(ends.at(-1)! + 16 + view.getUint32(ends.at(-1)! + 8, true));
  const folder = tempFolder();
  return [0, 3, 6].map((from, at) => {
    const file = join(folder, `part${at}.pcap`);
    const records = bytes.subarray(ends[from], ends[Math.min(from + 3, ends.length - 1)]);
    writeFileSync(file, Buffer.concat([bytes.subarray(0, 24), records]));
    return file;
  });
}

describe('--list', () => {
  test('--list has a row for each conversation, in the order of --sort, and the totals', async () => {
    const file = whole();
    const { stdout } = await inspect(file, ...byLength, '--list', '--sort', '-bytes');
    expect(stdout.split('\n').map((line) => line.replaceAll(/ +/g, ' ').trim())).toEqual([
      'number protocol client server start (UTC) duration bytes → bytes ← frames → frames ← faults gaps',
      '#1 custom 10.0.0.1:40001 10.0.0.2:7000 2023-11-14 22:13:20.002000Z 5.0 ms 16 0 3 0 0 0',
      '#0 custom 10.0.0.1:40000 10.0.0.2:7000 2023-11-14 22:13:20.000000Z 8.0 ms 6 0 1 0 0 0',
      '',
      '2 conversations, 4 frames (3 glued, 3 cut), 0 gaps, 0 faults',
      '',
    ]);
    const json = jsonLines((await inspect(file, ...byLength, '--list', '--json')).stdout);
    expect(json.map(({ conversation }) => conversation)).toEqual([0, 1]);
    expect(json[1]).toMatchObject({
      type: 'conversation',
      ...{ protocol: 'custom', client: '10.0.0.1:40001', server: '10.0.0.2:7000', duration: '5000000' },
      ...{ bytes: { client: 16, server: 0 }, frames: { client: 3, server: 0 }, faults: 0, gaps: 0 },
    });
  });

  test('--list with --find has the conversations in which it is', async () => {
    const { stdout } = await inspect(whole(), '--list', '--json', '--find', 'world');
    expect(jsonLines(stdout).map(({ conversation }) => conversation)).toEqual([1]);
  });
});

describe('--find', () => {
  test('--find prints the side, the place, the time and what is around, also where chunks were cut', async () => {
    const file = whole();
    const { stdout, status } = await inspect(file, '--find', 'hello');
    expect([status, stdout]).toEqual([
      0,
      '1:client   at 1         2023-11-14 22:13:20.005000Z  |.hello.a|\n0:client   at 1         2023-11-14 22:13:20.008000Z  |.hello|\n',
    ]);
    const [found] = jsonLines((await inspect(file, '--find', '0x03616263', '--json')).stdout);
    expect(found).toMatchObject({
      type: 'found',
      conversation: 1,
      from: 'client',
      position: 6,
      hex: '03616263',
    });
  });

  test('--find ends with 1 where nothing is found, and says what was looked for', async () => {
    const file = whole();
    const none = await inspect(file, '--find', 'nothing', '--only', '0');
    expect(none).toMatchObject({
      ...{ status: 1, stdout: '' },
      stderr: `sluice: ${file} has no conversation that --only means with "nothing"\n`,
    });
  });
});

describe('several files', () => {
  test('rotated files are one capture, whatever their order: a conversation goes on from one to the next', async () => {
    const [one, two, three] = rotated();
    const { stdout } = await inspect(three!, one!, two!, '--follow', '1:client');
    expect(stdout).toBe(said.toString());
    const merged = await inspect(two!, three!, one!, ...byLength, '--json');
    expect(jsonLines(merged.stdout)).toEqual(
      jsonLines((await inspect(whole(), ...byLength, '--json')).stdout),
    );
  });

  test('the error of one of several files names it', async () => {
    const [one] = rotated();
    const cut = written('cut.pcap', readFileSync(golden('dns.pcap')).subarray(0, 5000));
    const { stdout, stderr, status } = await inspect(one!, cut, '--list', '--json');
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^sluice: .*cut\.pcap: at byte \d+: /)]);
    expect(jsonLines(stdout).length).toBeGreaterThan(2);
    const empty = written('empty.pcap', new Uint8Array(0));
    const beside = await inspect(empty, one!, '/nowhere', '--list', '--json');
    expect(beside).toMatchObject({ status: 1, stdout: (await inspect(one!, '--list', '--json')).stdout });
    expect(beside.stderr).toMatch(
      /^sluice: .*empty\.pcap: at byte 0: .*; \/nowhere: there is no such file\n$/,
    );
    expect((await inspect(one!, '/nowhere')).stderr).toBe('sluice: /nowhere: there is no such file\n');
    expect((await inspect(one!, '-')).stderr).toContain('- (standard input) is read alone');
  });
});

describe('a range of time', () => {
  test('conversations keep their numbers in a range, and --follow has the bytes of it', async () => {
    const file = whole();
    const list = await inspect(
      file,
      '--list',
      '--json',
      '--after',
      '+7.5ms',
      '--before',
      '2023-11-14 22:13:20.1',
    );
    expect(jsonLines(list.stdout).map(({ conversation }) => conversation)).toEqual([0]);
    const range = ['--after', '2023-11-14T22:13:20.005Z', '--before', '+0.006'];
    expect((await inspect(file, '--follow', '1:client', ...range)).stdout).toBe(
      said.subarray(4, 12).toString(),
    );
  });
});

describe('--write', () => {
  test('--write has the packets of the conversations, and replaces a file with --force alone', async () => {
    const file = whole();
    const out = join(tempFolder(), 'out.pcapng');
    const written = await inspect(file, '--find', 'world', '--write', out);
    expect(written).toMatchObject({ status: 0, stdout: `${out}: 6 packets of 1 conversation\n` });
    const { packets: all } = await readCapture(captureFile(file));
    const { packets: copied } = await readCapture(captureFile(out));
    const facts = (each: typeof all) => each.map(({ time, bytes, linkType }) => ({ time, bytes, linkType }));
    expect(facts(copied)).toEqual(facts(all.slice(2, 8)));
    const refused = await inspect(file, '--write', out);
    expect(refused).toMatchObject({
      status: 1,
      stderr: `sluice: ${out} is there already: --force replaces it\n`,
    });
    const folder = tempFolder();
    for (const force of [[], ['--force']])
      expect(await inspect(file, '--write', folder, ...force)).toMatchObject({
        ...{ status: 1, stdout: '' },
        stderr: `sluice: ${folder} is a folder: --write names a file, which may be in it\n`,
      });
    const range = await inspect(file, '--write', out, '--force', '--after', '+7ms');
    expect(range.stdout).toBe(`${out}: 2 packets of 2 conversations\n`);
    expect((await inspect(file, '--write', file)).stderr).toContain('--write would overwrite the capture');
  });

  test('--write has all fragments of an IP packet', async () => {
    const ends = { from: '10.0.0.1:40000', to: '10.0.0.2:7000' };
    const other = { from: '10.0.0.3:40000', to: '10.0.0.2:7000' };
    const inPieces = (carried: ReturnType<typeof tcp>, id: number) => [
      ipv4(piece(carried, 0, 24), { id, more: true }),
      ipv4(piece(carried, 24), { id, offset: 24 }),
    ];
    const [one, two] = inPieces(tcp({ ...ends, payload: 'in two pieces' }), 1);
    const [three, four] = inPieces(tcp({ ...other, payload: 'of another one' }), 2);
    const file = written(
      'pieces.pcap',
      pcapBytes({ packets: [one!, three!, two!, four!].map((bytes) => ({ bytes })), linkType: 101 }),
    );
    const out = join(tempFolder(), 'out.pcapng');
    await inspect(file, '--only', '10.0.0.1', '--write', out);
    const { packets: copied } = await readCapture(captureFile(out));
    expect(copied.map(({ bytes }) => bytes)).toEqual([one, two]);
    expect((await inspect(out, '--follow', '0:client')).stdout).toBe('in two pieces');
  });

  test('--write refuses what can be read only once', async () => {
    const piped = startSluice(['inspect', '-', '--write', 'out.pcapng']);
    expect((await piped.done).stderr).toContain('--write reads the capture twice, and so needs a file');
  });

  test.skipIf(!need('tshark'))(
    'tshark reads what is written as it reads these conversations of the capture',
    async () => {
      const folder = tempFolder();
      for (const [name, port] of [
        ['dns-ipv6.pcapng', 53],
        ['mqtt.pcap', 1883],
      ] as const) {
        const out = join(folder, `${name}.pcapng`);
        await inspect(golden(name), '--only', '1', '--write', out);
        const fields = [
          'frame.time_epoch',
          'frame.len',
          'frame.cap_len',
          'tcp.srcport',
          'tcp.seq_raw',
          'tcp.payload',
        ];
        const args = ['-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
        const expected = await tshark(golden(name), [...args, '-Y', `tcp.stream==1 && tcp.port==${port}`]);
        expect(await tshark(out, args)).toBe(expected);
        expect(expected.split('\n').length).toBeGreaterThan(5);
      }
    },
  );
});

test("--decode-as says the framing of a server's port, whatever --preset says of others", async () => {
  const decoded = ['--preset', 'none', '--decode-as', '7000=width=1', '--decode-as', '53=dns'];
  const both = await inspect(whole(), golden('dns.pcap'), ...decoded, '--list', '--json');
  const protocols = new Set(
    jsonLines(both.stdout).map(({ server, protocol }) => `${String(server)} ${String(protocol)}`),
  );
  expect([...protocols].toSorted()).toEqual(['10.0.0.2:7000 custom', '127.0.0.1:53 dns']);
});

test('rows are coloured with --color always, and are the same without the colours', async () => {
  const [plain, colored] = [
    await inspect(golden('holes.pcap')),
    await inspect(golden('holes.pcap'), '--color', 'always'),
  ];
  expect(plain.stdout).not.toContain('\u001b');
  expect(colored.stdout).toContain('\u001b[31m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escapes are what is taken away.
  expect(colored.stdout.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain.stdout);
});

test.each([
  [['--sort', 'size', '--list'], 'The columns are number, protocol, client, server, start, duration, bytes,'],
  [['--sort', 'bytes'], '--sort is for --list'],
  [['--force'], '--force is for --write'],
  [['--find', ''], 'It must have at least one byte'],
  [['--find', '0x'], 'It must have at least one byte'],
  [['--find', '0x123'], 'two hexadecimal digits for each byte'],
  [['--find', '0xzz'], 'hexadecimal digits alone'],
  [['--find', 'a'.repeat(1025)], 'no more than 1024 bytes'],
  [['--decode-as', '8080'], 'It must be a port and a preset, such as 8443=kafka'],
  [['--decode-as', '70000=dns'], 'It must be a port and a preset'],
  [['--decode-as', '53=dsn'], 'Did you mean dns? There are'],
  [['--decode-as', '53=with=4'], '"with" is no key: did you mean width?'],
  [['--after', 'yesterday'], 'It must be a time such as 2026-01-31T12:00:00.5Z'],
  [['--after', '+2', '--before', '+1'], '--after is later than --before'],
  [['--color', 'blue'], 'Allowed choices are auto, always, never'],
  [['--follow', '0:client', '--find', 'a'], 'cannot be used with'],
])('inspect trace.pcap %j is refused, and the error says what may be', async (args, says) => {
  const { status, stderr } = await inspect('trace.pcap', ...args);
  expect(status).toBe(2);
  expect(stderr).toContain(says);
});

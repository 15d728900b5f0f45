/** `sluice replay`, as built: on captures written by hand, and on one of a real conversation. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';
import { pcapOfEvents } from '../../support/captures/stream-pcap.ts';
import { need, pathOf } from '../../support/install-tools.ts';
import { frame, putFrame } from '../../support/network/peer.ts';
import {
  endAll,
  jsonLines,
  type Ran,
  sluice,
  sluiceInRunner,
  start,
  startServe,
  startSluice,
} from '../../support/processes/cli.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { readStored, readTree, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const big = bytesFrom(5, 200_000);
const crc = crc32('hello');

/** A client stores two files; then another one asks for the first of them. */
function recording(sizeSaid = 5): StreamEvent[] {
  const [one, two] = [conversationEvents(0), conversationEvents(1, 1000)];
  const stored = { ack: 'put', filename: 'a.txt', size: sizeSaid, crc32: crc, durable: true, id: 1 };
  return [
    one.open(),
    one.send('client', putFrame('a.txt', 'hello', { id: 1 }), 10),
    one.send('server', frame(stored), 20),
    one.end('client', 30),
    one.end('server', 30),
    one.close(),
    two.open(),
    two.send('client', frame({ cmd: 'get', filename: 'a.txt', id: 7 }), 1010),
    two.send(
      'server',
      frame(
        { ack: 'get', filename: 'a.txt', size: 5, mtime: 1, crc32: crc, offset: 0, body: 5, id: 7 },
        'hello',
      ),
      1020,
    ),
    two.send('client', putFrame('../no', 'x', { id: 8 }), 1030),
    two.end('client', 1040),
    two.close('unfinished'),
  ];
}

function captured(events: readonly StreamEvent[]) {
  const folder = tempFolder();
  const file = join(folder, 'trace.pcap');
  writeFileSync(file, pcapOfEvents(events));
  const replay = ['replay', 'trace.pcap'];
  const run = (...args: string[]): Promise<Ran> => sluiceInRunner([...replay, ...args], { cwd: folder });
  /** As a process of its own. */
  const start = (...args: string[]): Promise<Ran> => sluice([...replay, ...args], { cwd: folder });
  return { folder, file, run, start };
}

describe('without --to and --verify', () => {
  test('replay prints what would have been stored', async () => {
    const { folder, start } = captured(recording());
    expect(await start()).toEqual({
      status: 0,
      stderr: '',
      stdout: [
        'stored a.txt (5 B) (conversation 0)',
        "refused put ../no: the file name is not allowed: it has a segment '.' or '..' (conversation 1)",
        '2 conversations; 1 file stored, 5 B; 1 refused',
        '',
      ].join('\n'),
    });
    expect(Object.keys(readTree(folder))).toEqual(['trace.pcap']);
  });

  test('replay --json prints an object a line', async () => {
    const { run } = captured(recording());
    const lines = jsonLines((await run('--json')).stdout);
    expect(lines.find(({ event }) => event === 'stored')).toMatchObject({
      conversation: 0,
      filename: 'a.txt',
      size: 5,
    });
    expect(lines.at(-1)).toEqual({
      event: 'summary',
      conversations: 2,
      files: 1,
      bytes: 5,
      refused: 1,
      brokeOff: 0,
    });
  });

  test('it says what the recording lacks', async () => {
    const { open, send, gap, end, close } = conversationEvents();
    const put = putFrame('b', big);
    const events = [
      open(),
      send('client', put.subarray(0, 1000)),
      gap('client', 2000),
      send('client', put.subarray(3000)),
      end('client'),
      end('server'),
      close(),
    ];
    const { run } = captured(events);
    const { status, stdout } = await run('--quiet');
    expect(status).toBe(0);
    expect(stdout).toContain(
      'broke off: 2000 bytes that 10.0.0.1:5000 sent are missing in the recording after the first 1000: no packet has them (conversation 0)',
    );
  });

  test('replay reads standard input', async () => {
    const { file } = captured(recording());
    const running = startSluice(['replay', '-', '--only', '0'], { input: 'open' });
    running.child.stdin!.end(readFileSync(file));
    const { status, stdout } = await running.done;
    expect([status, stdout.split('\n')[0]]).toEqual([0, 'stored a.txt (5 B) (conversation 0)']);
  });
});

describe('--verify', () => {
  test.each([[], ['--chunking', 'bytes'], ['--chunking', 'whole'], ['--chunking', 'random:7']])(
    'replay --verify %s %s ends with 0 when the replies are those of the recording',
    async (...args) => {
      const { run } = captured(recording());
      const { status, stdout, stderr } = await run('--verify', ...args);
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(
        /^conversation 0, 10\.0\.0\.1:5000 to 10\.0\.0\.2:8080: same \(sent \d+ B, received \d+ B, 1 reply\)$/m,
      );
      expect(stdout).toMatch(/\n2 conversations: 2 the same\n$/);
    },
  );

  test('replay --verify ends with 1 when a reply is another, and says which field, and where in the recording', async () => {
    const { run, start } = captured(recording(6));
    const { status, stdout } = await start('--verify');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^conversation 0, .*: different \(/m);
    expect(stdout).toMatch(/^ {2}reply 1: size was 6 and is 5 \(packet 4, \d\d:\d\d:20\.020000\)$/m);
    expect(stdout).toContain('2 conversations: 1 the same, 1 different');
    const quiet = await run('--verify', '--quiet');
    expect(quiet.stdout.split('\n')).toHaveLength(3);
    const [first] = jsonLines((await run('--verify', '--json')).stdout);
    expect(first).toMatchObject({
      event: 'conversation',
      conversation: 0,
      verdict: 'different',
      differences: [{ kind: 'header', reply: 1, packet: 4, fields: [{ path: 'size', expected: 6, got: 5 }] }],
    });
  });

  test('replay --verify begins with the files of --with', async () => {
    const { folder, run } = captured(recording());
    writeTree(join(folder, 'before'), { 'a.txt': 'hello', 'deep/er': 'x' });
    expect((await run('--verify', '--only', '1')).status).toBe(1);
    expect(await run('--verify', '--only', '1', '--with', 'before')).toMatchObject({ status: 0 });
  });

  test('is 1 when there was nothing to compare', async () => {
    const { open, send, close } = conversationEvents();
    const { run } = captured([open(), send('client', 'x'), close('unfinished')]);
    expect(await run('--verify')).toMatchObject({
      status: 1,
      stderr: 'sluice: there was no reply to compare\n',
    });
  });
});

describe('--to', () => {
  test('replay --to stores again on another server what was recorded, and compares', async () => {
    const { folder, start } = captured(recording());
    const root = join(folder, 'root');
    const { server } = await startServe(root);
    const { status, stdout } = await start('--to', server, '--speed', '100', '--max-idle', '5');
    expect([status, stdout.split('\n').at(-2)]).toEqual([0, '2 conversations: 2 the same']);
    expect(readFileSync(join(root, 'a.txt'), 'utf8')).toBe('hello');
  });

  test('replay --to ends with 3 when the server is not there', async () => {
    const { run } = captured(recording());
    const { status, stdout } = await run('--to', '127.0.0.1:1');
    expect(status).toBe(3);
    expect(stdout).toContain('nobody listens there');
  });
});

describe('what cannot be', () => {
  const run = (...args: string[]) => sluiceInRunner(['replay', ...args]);

  test('replay says that a file is not there, or is no capture', async () => {
    const { folder } = captured([]);
    writeFileSync(join(folder, 'notes.txt'), 'some notes, and no capture at all');
    expect(await run(join(folder, 'none.pcap'))).toMatchObject({
      status: 1,
      stdout: '',
      stderr: `sluice: ${folder}/none.pcap: there is no such file\n`,
    });
    const { status, stderr } = await run(join(folder, 'notes.txt'), '--verify');
    expect([status, stderr.includes('neither pcap nor pcapng')]).toEqual([1, true]);
  });

  test.each([[[]], [['--verify']]])(
    'replay refuses a capture of another protocol, which cannot be served: %j',
    async (flags) => {
      const ran = await sluiceInRunner(['replay', 'test/golden/captures/dns.pcap', ...flags]);
      expect(ran.status).toBe(1);
      expect(ran.stderr).toContain("holds nothing of Sluice's wire (by its port it is dns)");
      expect(ran.stdout).toBe('');
    },
  );

  test('replay says that a capture has no conversation, or none that --only means', async () => {
    const nothing = captured([]);
    expect(await nothing.run()).toMatchObject({
      status: 1,
      stderr: 'sluice: trace.pcap has no TCP connection: it has no packets\n',
    });
    const { run } = captured(recording());
    expect(await run('--only', ':99', '--only', '17', '--verify')).toMatchObject({
      status: 1,
      stderr:
        'sluice: trace.pcap has no conversation that --only :99, 17 means (a number, an address, a host or a :PORT); sluice inspect trace.pcap --list shows what there is\n',
    });
  });

  test('a capture that is cut off is replayed as far as it goes, and the end is told', async () => {
    const { folder, file, run } = captured(recording());
    writeFileSync(file, readFileSync(file).subarray(0, -3));
    const { status, stdout, stderr } = await run('--verify');
    expect(stdout).toContain('conversation 0, 10.0.0.1:5000 to 10.0.0.2:8080: same');
    expect([status, stderr.startsWith('sluice: trace.pcap: ')]).toEqual([1, true]);
    expect(folder).not.toBe('');
  });

  test.each([
    [['--speed', 'fast'], 'It must be asap, recorded, or a number above 0'],
    [['--speed', '0'], 'It must be asap, recorded, or a number above 0'],
    [['--chunking', 'random:x'], 'It must be recorded, bytes, whole, random or random:SEED'],
    [['--max-idle', '5'], '--max-idle is for --speed recorded or a number'],
    [['--verify', '--to', ':1'], "option '--to <SERVER>' cannot be used with option '--verify'"],
    [['--with', 'nowhere'], '--with nowhere cannot be read: there is no such file (ENOENT)'],
  ])('%s', async (args, message) => {
    const { run } = captured(recording());
    const { status, stderr } = await run(...args);
    expect([status, stderr.includes(message)], stderr).toEqual([2, true]);
  });
});

describe('what `sluice serve --record` wrote', () => {
  test('what serve --record wrote verifies without a difference, file by file, with tokens hidden', async () => {
    const folder = tempFolder();
    const token = 'a-secret-of-16-characters-or-more';
    const rights = ['read', 'write', 'delete'];
    writeFileSync(
      join(folder, 'access.json'),
      JSON.stringify({ tokens: [{ name: 'alice', token, rights }] }),
    );
    writeTree(join(folder, 'tree'), { 'a.txt': 'hello', empty: '', 'deep/big': bytesFrom(6, 1_000_000) });
    const recordings = join(folder, 'recorded');
    const args = ['--record', recordings, '--access', join(folder, 'access.json')];
    const serving = await startServe(join(folder, 'root'), args);
    const env = { SLUICE_TOKEN: token };
    const run = (...args: string[]) =>
      sluiceInRunner([...args, '--server', serving.server], { cwd: folder, env });
    // One after the other, since each connection has a file of its own, and sees what the ones before it stored.
    expect((await run('put', 'tree', '--parallel', '1')).status).toBe(0);
    serving.child.kill('SIGTERM');
    expect((await serving.done).status).toBe(0);
    const files = readdirSync(recordings).filter((name) => name.endsWith('.pcapng'));
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expect(readFileSync(join(recordings, file)).includes(token)).toBe(false);
      const { status, stdout, stderr } = await sluiceInRunner(['replay', join(recordings, file), '--verify']);
      expect([status, stdout.split('\n').at(-2)], stdout + stderr).toEqual([0, '1 conversation: 1 the same']);
    }
  });
});

/** Capturing needs a privilege. */
const isRoot = process.getuid?.() === 0;
const canCapture = need('tcpdump') && isRoot;
if (!isRoot && process.env.CI) throw new Error('capturing needs root, and CI skips nothing');

describe.skipIf(!canCapture)('a real conversation, captured by tcpdump', () => {
  test('a real conversation that tcpdump captured verifies without a difference, and stores the same again, however it is cut', async () => {
    const folder = tempFolder();
    writeTree(join(folder, 'tree'), { 'a.txt': 'hello', empty: '', 'deep/big': bytesFrom(6, 1_000_000) });
    const { server, port } = await startServe(join(folder, 'root'));
    const tcpdump = start(
      pathOf('tcpdump')!,
      ['-i', 'lo', '-U', '-s', '0', '-B', '65536', '-w', 'trace.pcap', `tcp port ${port}`],
      { cwd: folder },
    );
    await tcpdump.said(/listening on/);
    const run = (...args: string[]) => sluiceInRunner([...args, '--server', server], { cwd: folder });
    expect((await run('put', 'tree')).status).toBe(0);
    expect((await run('get', 'tree/', '--out', 'back')).status).toBe(0);
    expect((await run('mv', 'tree/a.txt', 'b.txt')).status).toBe(0);
    expect((await run('stat', 'tree/a.txt')).status).toBe(1);
    expect((await run('rm', 'tree/empty')).status).toBe(0);
    // All is written once the last packet is, which is that of the end of the last command's connection.
    await expect.poll(() => endedConnections(folder), { interval: 200 }).toBeGreaterThanOrEqual(5);
    tcpdump.child.kill('SIGINT');
    await tcpdump.done;

    for (const chunking of ['recorded', 'whole', 'random:3']) {
      const { status, stdout } = await sluiceInRunner(
        ['replay', 'trace.pcap', '--verify', '--chunking', chunking],
        {
          cwd: folder,
        },
      );
      expect([status, stdout.split('\n').at(-2)], stdout).toEqual([
        0,
        expect.stringMatching(/^(\d+) conversations: \1 the same$/),
      ]);
    }
    const again = await startServe(join(folder, 'again'));
    const live = await sluice(['replay', 'trace.pcap', '--to', again.server], { cwd: folder });
    expect(live.status, live.stdout).toBe(0);
    expect(readStored(join(folder, 'again'))).toEqual(readStored(join(folder, 'root')));
  });
});

/** How many connections are over in the capture so far: by two FINs, or a reset. */
function endedConnections(folder: string): number {
  const bytes = readFileSync(join(folder, 'trace.pcap'));
  let ends = 0;
  for (let at = 24; at + 16 <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    const ip = at + 16 + 14;
    const flags = ip + 40 <= bytes.length ? bytes[ip + 33]! : 0;
    ends += (flags & 0x01 ? 1 : 0) + (flags & 0x04 ? 2 : 0);
    at += 16 + length;
  }
  return ends / 2;
}

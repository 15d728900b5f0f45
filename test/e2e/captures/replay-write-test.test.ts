/** `sluice replay --write-test`, as built: what it takes, refuses and says. */
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { captureFile } from '../../../src/capture/capture-file.ts';
import type { StreamEvent } from '../../../src/capture/stream-event.ts';
import { commands } from '../../../src/files/session/dispatch.ts';
import { assertReplaysTheSame, fileServer } from '../../../src/testing.ts';
import { conversationEvents } from '../../support/captures/stream-events.ts';
import { pcapOfEvents } from '../../support/captures/stream-pcap.ts';
import { streamSummaries } from '../../support/captures/stream-summary.ts';
import { frame, putFrame } from '../../support/network/peer.ts';
import { endAll, jsonLines, main, type Ran, sluiceInRunner, start } from '../../support/processes/cli.ts';
import { bytesFrom } from '../../support/random/seeded.ts';
import { readTree, tempFolder, writeTree } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

const golden = (name: string): string => join(import.meta.dirname, '../../golden/captures', name);

/** A folder with this recording, and the command in it. */
function folderWith(recording: string | readonly StreamEvent[], name = 'trace.pcap') {
  const folder = tempFolder();
  if (typeof recording === 'string') copyFileSync(recording, join(folder, name));
  else writeFileSync(join(folder, name), pcapOfEvents(recording));
  const run = (...args: string[]): Promise<Ran> => sluiceInRunner(['replay', name, ...args], { cwd: folder });
  const written = (file = 'out.test.ts'): string => readFileSync(join(folder, file), 'utf8');
  const capture = (file = 'out.test.pcapng') => captureFile(join(folder, file));
  return { folder, run, written, capture };
}
const toOut = ['--write-test', 'out.test.ts'];

type Conversation = ReturnType<typeof conversationEvents>;
const over = ({ end, close }: Conversation) => [end('client'), end('server'), close()];

describe('the files that are written', () => {
  test('both files are written, and it is said how large they are and how to run the test', async () => {
    const { run, written, capture } = folderWith(golden('sluice.pcapng'));
    expect(await run(...toOut)).toEqual({
      status: 0,
      stderr: '',
      stdout:
        'wrote out.test.ts (7 tests) and out.test.pcapng (93 packets, 68.3 KiB)\nnpx vitest run out.test.ts\n',
    });
    expect(written()).toContain('npx sluice replay trace.pcap --write-test out.test.ts --force');
    await assertReplaysTheSame(capture(), fileServer());
  });

  test('files that are there already are refused, and --force replaces both', async () => {
    const { folder, run, written } = folderWith(golden('sluice.pcapng'));
    writeTree(folder, { 'out.test.pcapng': 'mine' });
    expect(await run(...toOut)).toMatchObject({
      status: 1,
      stderr: 'sluice: out.test.pcapng is there already: --force replaces both files\n',
    });
    expect(existsSync(join(folder, 'out.test.ts'))).toBe(false);
    expect((await run(...toOut, '--force')).status).toBe(0);
    expect((await run(...toOut)).stderr).toBe(
      'sluice: out.test.ts and out.test.pcapng are there already: --force replaces both files\n',
    );
    const before = written();
    expect((await run(...toOut, '--force', '--only', '0')).status).toBe(0);
    expect(written()).not.toBe(before);
  });

  test('the recording itself is never replaced', async () => {
    const { folder, run } = folderWith(golden('sluice.pcapng'), 'out.test.pcapng');
    const { status, stderr } = await run(...toOut, '--force');
    expect(status).toBe(1);
    expect(stderr).toContain('out.test.pcapng is the recording itself');
    expect(readFileSync(join(folder, 'out.test.pcapng')).equals(readFileSync(golden('sluice.pcapng')))).toBe(
      true,
    );
  });

  test('folders of the test are made, and one that cannot be made is said', async () => {
    const { folder, run, written } = folderWith(golden('dns.pcap'));
    expect((await run('--write-test', 'a/b/out.test.ts')).status).toBe(0);
    expect(written('a/b/out.test.ts')).toContain("new URL('./out.test.pcapng', import.meta.url)");
    writeTree(folder, { file: '' });
    expect((await run('--write-test', 'file/out.test.ts')).stderr).toMatch(
      /^sluice: file\/out\.test\.pcapng cannot be written: /,
    );
  });

  test('--only keeps the packets of the conversations that are meant', async () => {
    const { run, written, capture } = folderWith(golden('sluice.pcapng'));
    expect((await run(...toOut, '--only', '1', '--only', ':38990')).status).toBe(0);
    expect((await streamSummaries(capture(), false)).length).toBe(2);
    expect(written()).toContain('replay trace.pcap --only 1 --only :38990 --write-test');
    expect((await run(...toOut, '--force', '--only', '99')).stderr).toMatch(
      /has no conversation that --only 99 means/,
    );
  });

  test('a recording on standard input is read once', async () => {
    const { folder, written } = folderWith(golden('sluice.pcapng'));
    const running = start(process.execPath, [main, 'replay', '-', ...toOut], { cwd: folder, input: 'open' });
    running.child.stdin!.end(readFileSync(golden('sluice.pcapng')));
    expect((await running.done).status).toBe(0);
    expect(written()).toContain('npx sluice replay - --write-test');
  });

  test('--json prints one object, and --quiet nothing', async () => {
    const { run } = folderWith(golden('dns.pcap'));
    expect(jsonLines((await run(...toOut, '--json')).stdout)).toEqual([
      {
        event: 'test-written',
        test: 'out.test.ts',
        capture: 'out.test.pcapng',
        tests: 3,
        packets: 50,
        bytes: 12960,
        notes: [],
      },
    ]);
    expect(await run(...toOut, '--quiet', '--force')).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe('what is in the recording', () => {
  test('a token is in neither of the files', async () => {
    const of = conversationEvents();
    const secret = 'swordfish';
    const about = {
      server: 'x',
      version: '0',
      limits: {},
      commands: commands.map(({ cmd }) => cmd),
    };
    const { folder, run, written } = folderWith([
      of.open(),
      of.send('client', frame({ cmd: 'hello', token: secret })),
      of.send('server', frame({ ack: 'hello', ...about, name: 'me', rights: [], prefix: '' })),
      of.send('client', frame({ cmd: 'ping' })),
      of.send('server', frame({ ack: 'ping' })),
      ...over(of),
    ]);
    expect((await run(...toOut)).stderr).toBe('');
    const capture = readFileSync(join(folder, 'out.test.pcapng'));
    expect(capture.includes(secret)).toBe(false);
    expect(capture.includes('"token":"*********"')).toBe(true);
    expect(written()).not.toContain(secret);
    expect(written()).toContain("    'hello:name', // who a token belongs to: the recording has none\n");
  });

  test('files that were there before are named with --with, and the test refers to their folder', async () => {
    const { open, send, ...rest } = conversationEvents();
    const ack = { ack: 'stat', filename: 'a.txt', size: 5, mtime: 1, crc32: 907060870 };
    const stat = [send('client', frame({ cmd: 'stat', filename: 'a.txt' })), send('server', frame(ack))];
    const { folder, run, written } = folderWith([open(), ...stat, ...over(rest as Conversation)]);
    writeTree(folder, { 'old files/a.txt': 'hello' });
    const failed = await run(...toOut);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain(
      'no test was written, as it would fail (files that the server had before',
    );
    expect(failed.stderr).toContain('reply 1: ack was "stat" and is nothing');
    expect(Object.keys(readTree(folder)).filter((name) => name.startsWith('out'))).toEqual([]);
    expect((await run('--write-test', 'tests/out.test.ts', '--with', 'old files')).stderr).toBe('');
    expect(written('tests/out.test.ts')).toContain(
      "const pipeline = fileServer({ files: new URL('../old%20files/', import.meta.url) });",
    );
    expect(await run(...toOut, '--with', 'none')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--with none cannot be read'),
    });
  });

  test('missing packets are said, in the test too', async () => {
    const { open, send, gap, ...rest } = conversationEvents();
    const { run, written } = folderWith([
      open(),
      send('client', putFrame('a', 'hello', { id: 1 })),
      send('server', frame({ ack: 'put', filename: 'a', size: 5, crc32: 907060870, durable: true, id: 1 })),
      send('client', putFrame('b', 'hello').subarray(0, 20)),
      gap('client', 10),
      send('client', 'the rest'),
      ...over(rest as Conversation),
    ]);
    const { status, stdout } = await run(...toOut);
    expect(status).toBe(0);
    const note = 'The recording of conversation 0 lacks 10 bytes of the client: what it has is compared.';
    expect(stdout).toContain(`\n  ${note}\n`);
    expect(written()).toContain(`\n// ${note}\n`);
    expect(written()).toContain('\n  allowIncomplete: true, ');
  });

  test('a conversation that ends in the middle of a message is compared up to there, and that is said', async () => {
    const { open, send, ...rest } = conversationEvents();
    const { run, written } = folderWith([
      open(),
      send('client', '\0\x02ab'),
      send('server', '\0\x02AB\0\x09ab'),
      ...over(rest as Conversation),
    ]);
    const { stdout, stderr } = await run(...toOut, '--length-field', 'width=2');
    expect(stderr).toBe('');
    expect(stdout).toContain('  It ends in the middle of a message, which is not compared.\n');
    expect(written()).toContain('\n  allowIncomplete: true, ');
  });

  test('a recording that is cut off is kept up to there, and that is said', async () => {
    const { folder, run, written } = folderWith(golden('sluice.pcapng'));
    const whole = readFileSync(golden('sluice.pcapng'));
    writeFileSync(join(folder, 'trace.pcap'), whole.subarray(0, whole.length - 10));
    const { status, stdout } = await run(...toOut);
    expect(status).toBe(0);
    expect(stdout).toMatch(/ {2}The recording is read up to byte \d+: it is truncated there\.\n/);
    expect(written()).toMatch(/\/\/ The recording is read up to byte \d+/);
  });

  test('a body that is longer than a test may be is cut, and that is said', async () => {
    const { open, send, ...rest } = conversationEvents();
    const { folder, run, written } = folderWith([
      open(),
      send('client', frame({ cmd: 'ping', id: 1 })),
      send('server', frame({ ack: 'ping', id: 1 })),
      send('client', putFrame('a', bytesFrom(1, 20_000_000))),
      send('server', frame({ ack: 'put', filename: 'a', size: 20_000_000, crc32: 1, durable: true })),
      ...over(rest as Conversation),
    ]);
    const { status, stdout } = await run(...toOut);
    expect(status).toBe(0);
    expect(stdout).toContain('Only the first 16.0 MiB are kept: what follows is not tested.');
    expect(written()).toContain('\n}, 60_000);\n');
    expect(written().length).toBeLessThan(2500);
    expect(readFileSync(join(folder, 'out.test.pcapng')).length).toBeLessThan(17 * 1024 * 1024);
  });

  test('a download that is longer than a test may be, or that its client broke off, is left out', async () => {
    const body = bytesFrom(2, 17_000_000);
    const get = { ack: 'get', filename: 'a', size: body.length, mtime: 1, offset: 0, body: body.length };
    const asked = ({ open, send }: Conversation, at: number) => [
      open(),
      send('client', frame({ cmd: 'ping', id: 1 }), at),
      send('server', frame({ ack: 'ping', id: 1 }), at),
      send('client', frame({ cmd: 'get', filename: 'a' }), at),
    ];
    const [broken, long] = [conversationEvents(0), conversationEvents(1, 10)];
    const { folder, run, written } = folderWith([
      ...asked(broken, 1),
      broken.send('server', Buffer.concat([frame(get), body.subarray(0, 1000)])),
      broken.reset('client'),
      broken.close('reset'),
      ...asked(long, 11),
      long.send('server', Buffer.concat([frame(get), body])),
      ...over(long),
    ]);
    writeTree(folder, { 'files/a': body });
    const { status, stdout, stderr } = await run(...toOut, '--with', 'files');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('  Only the first 16.0 MiB are kept: what follows is not tested.\n');
    expect(stdout).toContain('  Replies that are not whole at its end are left out.\n');
    expect(written()).toContain('// Replies that are not whole at its end are left out.');
  });

  test('conversations of another protocol are left out, and that is said', async () => {
    const [files, other] = [conversationEvents(0), conversationEvents(1)];
    const { run, written } = folderWith([
      files.open(),
      files.send('client', frame({ cmd: 'ping' })),
      files.send('server', frame({ ack: 'ping' })),
      ...over(files),
      other.open(),
      other.send('client', 'GET / HTTP/1.1\r\n\r\n'),
      ...over(other),
    ]);
    expect((await run(...toOut)).stdout).toContain('(1 test)');
    expect(written()).toContain('// 1 conversation of another protocol left out.');
  });
});

describe('captures of real programs', () => {
  const captures = readdirSync(golden('.')).filter((name) => /\.pcap(ng)?$/.test(name));

  test.each(captures)('a test is made of %s', async (name) => {
    const { run, written } = folderWith(golden(name));
    expect(await run(...toOut)).toMatchObject({ status: 0, stderr: '' });
    expect(written()).toContain(
      'await expect(recording).toReplayTheSame(pipeline, { ...options, conversation: 0 });',
    );
  });
});

describe('how it is framed', () => {
  const { open, send, ...rest } = conversationEvents();
  const own = [open(), send('client', '\0\x02ab'), send('server', '\0\x02AB'), ...over(rest as Conversation)];

  test('what is not known must be named, by a preset, a length field, or a pipeline', async () => {
    const { run, written } = folderWith(own);
    expect(await run(...toOut)).toMatchObject({
      status: 1,
      stderr:
        'sluice: it is not known how the messages of trace.pcap are framed: name that with --preset or --length-field, or what answers them with --pipeline\n',
    });
    expect((await run(...toOut, '--length-field', 'width=2,max=100')).stderr).toBe('');
    expect(written()).toContain('const pipeline = framesOf(lengthField({ width: 2, maxLength: 100 }));');
    expect((await run(...toOut, '--force', '--preset', 'none')).stderr).toContain('name it with --pipeline');
  });

  test('a preset is named by the port, or by --preset', async () => {
    const { run, written } = folderWith(golden('dns.pcap'));
    expect((await run(...toOut, '--only', '1')).stderr).toBe('');
    expect(written()).toContain('const pipeline = framesOf(presets.dns);');
    expect((await run(...toOut, '--force', '--only', '1', '--preset', 'DNS')).stderr).toBe('');
    expect(written()).toContain('replay trace.pcap --only 1 --preset dns --write-test');
  });

  test('a framing that does not fit is refused with what is wrong', async () => {
    const { run } = folderWith(own);
    const { status, stderr } = await run(...toOut, '--length-field', 'width=4');
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /would fail \(another framing is named with --preset or --length-field\):\nthe recording is not understood: /,
    );
  });

  test('a module of the user is imported by the test, seen from its folder', async () => {
    const { folder, run, written } = folderWith(own);
    writeTree(folder, { 'src/shout.ts': '' });
    const pipeline = ['--pipeline', 'src/shout.ts#shout'];
    const { status, stdout } = await run('--write-test', 'test/out.test.ts', ...pipeline);
    expect(status).toBe(0);
    expect(stdout).toContain('not tried yet: npx vitest run test/out.test.ts');
    expect(written('test/out.test.ts')).toContain("import { shout as pipeline } from '../src/shout.js';");
    expect((await run(...toOut, '--pipeline', 'a-package', '--length-field', 'width=2')).status).toBe(0);
    expect(written()).toContain("import pipeline from 'a-package';");
    expect(written()).toContain('  framing: lengthField({ width: 2,');
  });

  test('flags that do not go together are refused', async () => {
    const { run } = folderWith(own);
    expect((await run('--write-test', 'out.ts')).stderr).toContain('It must end in .test.ts or .test.js');
    for (const flag of [['--verify'], ['--to', ':1'], ['--chunking', 'bytes'], ['--speed', '2']]) {
      expect(await run(...toOut, ...flag)).toMatchObject({
        status: 2,
        stderr: expect.stringContaining('cannot be used'),
      });
    }
    expect((await run('--force')).stderr).toContain('--pipeline and --force are for --write-test');
  });
});

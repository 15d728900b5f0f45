/** The settings of `sluice serve` as a process: what it prints, what it refuses, and what it takes from where. */
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { encodeJsonHeader } from '../../../src/wire/json-header.ts';
import { createAuthority, type Issued } from '../../support/certificates.ts';
import {
  endAll,
  jsonLines,
  sluice,
  sluiceInRunner,
  startServe,
  startSluice,
} from '../../support/processes/cli.ts';
import { temporariesIn } from '../../support/stores/store-roots.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

afterEach(endAll);

describe('--print-config', () => {
  test('serve --print-config prints all settings as a file that gives the same settings, and opens nothing', async () => {
    const cwd = tempFolder();
    const env = { SLUICE_MAX_FILE: '10MiB' };
    const first = await sluice(['serve', 'root', '--unix', 'sock', '--print-config'], { cwd, env });
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(first.stdout)).toMatchObject({
      dir: join(cwd, 'root'),
      unix: join(cwd, 'sock'),
      limits: { maxFile: 10_485_760, quota: 'none' },
    });
    expect(readdirSync(cwd)).toEqual([]);
    writeFileSync(join(cwd, 'config.json'), first.stdout);
    const again = await sluiceInRunner(['serve', '--config', 'config.json', '--print-config'], { cwd });
    expect(again).toEqual(first);
  });

  test('serve --print-config prints nothing of settings that are wrong', async () => {
    const ran = await sluiceInRunner(['serve', '--print-config', '--port', 'x']);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('a setting that is wrong', () => {
  test('settings that are wrong keep serve from starting, with status 2 and a line each', async () => {
    const cwd = tempFolder();
    writeFileSync(join(cwd, 'config.json'), '{"limits": {"maxFile": "big"}, "prot": 1}');
    const env = { SLUICE_CONFIG: 'config.json', SLUICE_IDLE_TIMEOUT: 'long' };
    const ran = await sluiceInRunner(['serve', 'root', '--port', '70000'], { cwd, env });
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr.trimEnd().split('\n')).toEqual([
      'sluice: config.json: prot is not a setting; did you mean port?',
      'sluice: --port must be a whole number from 0 to 65535, or none, not "70000"',
      expect.stringMatching(/^sluice: config\.json: limits\.maxFile must be a size .*, not "big"$/),
      expect.stringMatching(/^sluice: SLUICE_IDLE_TIMEOUT must be a time .*, not "long"$/),
    ]);
    expect(existsSync(join(cwd, 'root'))).toBe(false);
  });
});

describe('the file', () => {
  test('serve takes its settings from the file of --config', async () => {
    const cwd = tempFolder();
    writeFileSync(
      join(cwd, 'config.json'),
      '{"dir": "files", "port": 0, "durability": "os", "logLevel": "warn"}',
    );
    const serving = startSluice(['serve', '--config', 'config.json'], { cwd });
    await serving.said(/^listening on 127\.0\.0\.1:\d+$/m);
    expect(existsSync(join(cwd, 'files'))).toBe(true);
    serving.child.kill('SIGTERM');
    const ran = await serving.done;
    expect(ran.status).toBe(0);
    // Of what it does in good order it says nothing at this level.
    expect(jsonLines(ran.stderr).filter(({ level }) => level === 'info')).toEqual([]);
  });
});

describe('the log', () => {
  test('the log warns of a server that everybody may use', async () => {
    const serving = startSluice(['serve', join(tempFolder(), 'root'), '--host', '0.0.0.0', '--port', '0']);
    await serving.said(/"level":"warn".*--host 0\.0\.0\.0 lets everybody/);
  });
});

describe('SIGHUP', () => {
  test('SIGHUP without files to read again changes nothing, and the log says so', async () => {
    const serving = await startServe(join(tempFolder(), 'root'));
    serving.child.kill('SIGHUP');
    await serving.said(/SIGHUP: there are no certificates and no tokens/);
    expect(await sluiceInRunner(['ls', '--from', serving.server])).toMatchObject({ status: 0 });
  });
});

describe('TLS', () => {
  const authority = createAuthority('Test CA');
  const issued = (name: string) => authority.issue({ subject: [['CN', name]], names: ['127.0.0.1'] });

  /** A folder with a certificate, and the flags that name it. */
  function certified(): { folder: string; flags: readonly string[]; write: (issued: Issued) => void } {
    const folder = tempFolder();
    const write = ({ cert, key }: Issued) => {
      writeFileSync(join(folder, 'cert.pem'), cert);
      writeFileSync(join(folder, 'key.pem'), key);
    };
    write(issued('first'));
    return {
      folder,
      write,
      flags: ['--tls-cert', join(folder, 'cert.pem'), '--tls-key', join(folder, 'key.pem')],
    };
  }

  /** The common name in the certificate that a server shows. */
  async function shown(port: number): Promise<string | string[] | undefined> {
    const socket = connect({ port, host: '127.0.0.1', ca: authority.cert });
    await once(socket, 'secureConnect');
    const { subject } = socket.getPeerCertificate();
    socket.destroy();
    return subject.CN;
  }

  test('TLS is spoken with the certificate that was given, and after SIGHUP with the new one', async () => {
    const { folder, flags, write } = certified();
    const serving = await startServe(join(folder, 'root'), flags);
    expect(await shown(serving.port)).toBe('first');
    write(issued('second'));
    serving.child.kill('SIGHUP');
    await serving.said(/"level":"info".*SIGHUP: --tls-cert was read again/);
    expect(await shown(serving.port)).toBe('second');
  });

  test('a server keeps its certificate at SIGHUP when the new one is wrong, and the log names the field', async () => {
    const { folder, flags, write } = certified();
    const serving = await startServe(join(folder, 'root'), flags);
    write({ cert: issued('second').cert, key: issued('third').key });
    serving.child.kill('SIGHUP');
    await serving.said(
      /"level":"error".*SIGHUP: --tls-cert stays as it was: --tls-cert with --tls-key: the key is not/,
    );
    expect(await shown(serving.port)).toBe('first');
  });

  test('a server does not start when a file of TLS is missing or wrong', async () => {
    const { folder, flags } = certified();
    const missing = await sluice([
      'serve',
      join(folder, 'root'),
      ...flags,
      '--tls-key',
      join(folder, 'none'),
    ]);
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    const key = join(folder, 'none');
    expect(missing.stderr).toBe(`sluice: --tls-key: ${key}: there is no such file (ENOENT)\n`);
    writeFileSync(join(folder, 'cert.pem'), 'no certificate');
    const wrong = await sluice(['serve', join(folder, 'root'), ...flags]);
    expect(wrong.stderr).toBe(
      'sluice: --tls-cert with --tls-key: the certificate is not PEM, or is broken\n',
    );
    expect(existsSync(join(folder, 'root'))).toBe(false);
  });
});

describe('a drain', () => {
  test('a drain logs each connection that is cut off, and at the end how many there were', async () => {
    const root = join(tempFolder(), 'root');
    const serving = await startServe(root, ['--grace', '200ms']);
    const socket = connectPlain({ port: serving.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    const header = encodeJsonHeader({ cmd: 'put', filename: 'a', filesize: 1000, id: 1 });
    const ping = encodeJsonHeader({ cmd: 'ping', id: 2 });
    if (!header.ok || !ping.ok) throw new Error('both can be encoded');
    // The answer to the ping says that the server reads this connection.
    socket.write(ping.bytes);
    await once(socket, 'data');
    const remote = `127.0.0.1:${socket.localPort}`;
    socket.write(Buffer.concat([header.bytes, new Uint8Array(500)]));
    await until(() => temporariesIn(root).length > 0);
    serving.child.kill('SIGTERM');
    const lines = jsonLines((await serving.done).stderr);
    const cut = lines.filter(({ msg }) => String(msg).startsWith('cut off'));
    expect(cut).toMatchObject([{ level: 'warn', open: 1, remote, connection: expect.any(String) }]);
    expect(lines.at(-1)).toMatchObject({ level: 'warn', msg: 'stopped; connections cut off: 1' });
  });
});

/** Looks again and again, a turn of the event loop between, until it is so. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise((resolve) => setImmediate(resolve));
}

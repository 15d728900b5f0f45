/** The settings of `sluice serve` as a process: what it prints, what it refuses, and what it takes from where. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { endAll, jsonLines, sluice, startServe, startSluice } from '../support/cli.ts';
import { tempFolder } from '../support/temp-folder.ts';

afterEach(endAll);

describe('--print-config', () => {
  test('prints all settings as a file that gives the same settings, and opens nothing', async () => {
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
    const again = await sluice(['serve', '--config', 'config.json', '--print-config'], { cwd });
    expect(again).toEqual(first);
  });

  test('prints nothing of settings that are wrong', async () => {
    const ran = await sluice(['serve', '--print-config', '--port', 'x']);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('a setting that is wrong', () => {
  test('keeps it from starting, with status 2 and a line each', async () => {
    const cwd = tempFolder();
    writeFileSync(join(cwd, 'config.json'), '{"limits": {"maxFile": "big"}, "prot": 1}');
    const env = { SLUICE_CONFIG: 'config.json', SLUICE_IDLE_TIMEOUT: 'long' };
    const ran = await sluice(['serve', 'root', '--port', '70000'], { cwd, env });
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
  test('is served from', async () => {
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
  test('warns of a server that everybody may use', async () => {
    const serving = startSluice(['serve', join(tempFolder(), 'root'), '--host', '0.0.0.0', '--port', '0']);
    await serving.said(/"level":"warn".*--host 0\.0\.0\.0 lets everybody/);
  });
});

describe('SIGHUP', () => {
  test('without files to read again changes nothing, and says so', async () => {
    const serving = await startServe(join(tempFolder(), 'root'));
    serving.child.kill('SIGHUP');
    await serving.said(/SIGHUP: there are no certificates and no tokens/);
    expect(await sluice(['ls', '--from', serving.server])).toMatchObject({ status: 0 });
  });
});

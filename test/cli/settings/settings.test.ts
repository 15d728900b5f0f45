/** The settings of `sluice serve`: every one from every source, and what is said when one is wrong. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fc, test as prop } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { warnings } from '../../../src/cli/settings/checks.ts';
import type { Configuration } from '../../../src/cli/settings/configuration.ts';
import { parseConfig } from '../../../src/cli/settings/file.ts';
import { limitsOf } from '../../../src/cli/settings/limits.ts';
import { printSettings } from '../../../src/cli/settings/print.ts';
import { time as timeKind } from '../../../src/cli/settings/setting-types.ts';
import { readSettings, type Sources } from '../../../src/cli/settings/settings.ts';
import { isInEffect, OF_ENGINES } from '../../../src/cli/settings/store-settings.ts';
import {
  flagOf,
  keyOf,
  type SettingName,
  type Settings,
  settingNames,
  settingOf,
  variableOf,
} from '../../../src/cli/settings/table.ts';
import { defaultLimits, descriptorsFor, handshakesWithin } from '../../../src/server/limits.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

interface Case {
  /** A text on the command line or in the environment, and what it means. */
  readonly text: string;
  readonly value: unknown;
  /** The same in a file, where it is not the text. */
  readonly json?: unknown;
  readonly badText: readonly string[];
  readonly badJson: readonly unknown[];
  /** Whether no message may show what was given. */
  readonly isSecret?: boolean;
}

const MiB = 1024 ** 2;
const infinite = Number.POSITIVE_INFINITY;
const path: Case = { text: '/srv/x', value: '/srv/x', badText: ['\0'], badJson: ['', 5, true, {}, []] };
const host: Case = { text: 'a.example', value: 'a.example', badText: ['a b', 'a/b'], badJson: ['', 5, null] };
const port: Case = {
  text: '81',
  value: 81,
  json: 81,
  badText: ['65536', '-1', '1.5', 'x', '0x50', ' 80'],
  badJson: [65536, '81', null, 1.5],
};
const count: Case = {
  text: '7',
  value: 7,
  json: 7,
  badText: ['-7', '7.5', '7k', '1000000001', 'None'],
  badJson: ['7', -1, 7.5, 1e10, true, null],
};
const size: Case = {
  text: '2MiB',
  value: 2 * MiB,
  json: 2 * MiB,
  badText: ['2M', '2 miles', '-1', '1.5', '1e6', '9999999PiB', 'MiB'],
  badJson: [-1, 1.5, true, null, [], '2M', 1e300],
};
const time: Case = {
  text: '90s',
  value: 90_000,
  json: 90,
  badText: ['-1', '5 weeks', '1e3', '90000d', 's', '0.0001ms '],
  badJson: [-1, true, null, '5 weeks', 1e300],
};
const choice = (text: string): Case => ({
  text,
  value: text,
  badText: ['maybe', text.toUpperCase()],
  badJson: [1, true, null, ''],
});

/** Of a setting that is not set by default, which null says in a file. */
const word = (text: string, ...badText: readonly string[]): Case => ({
  text,
  value: text,
  badText,
  badJson: ['', 5, true, {}],
});

const cases: Readonly<Record<SettingName, Case>> = {
  dir: { ...path, badJson: [...path.badJson, null] },
  durability: choice('os'),
  keepPartial: time,
  checksums: choice('disk'),
  store: word(
    's3://files/a',
    'files',
    's3://',
    's3:///a',
    's3://UPPER',
    's3://files/ä',
    'https://s3.example/files',
  ),
  postgres: {
    ...word('postgresql://sluice@db/sluice', 'db', 'mysql://sluice:s3cret@db/sluice'),
    isSecret: true,
  },
  postgresSchema: { ...word('files_2', 'Files', '2files', 'pg_files', 'a-b', 'a.b'), badJson: ['', 5, null] },
  postgresConnections: {
    ...count,
    badText: [...count.badText, '0', '1001', 'none'],
    badJson: [...count.badJson, 0],
  },
  s3Endpoint: word(
    'https://s3.example.org',
    's3.example.org',
    'ftp://a',
    'http://',
    'https://id:s3cret@s3.example',
  ),
  s3Region: { ...word('eu-west-3', 'eu west', 'eu/west'), badJson: ['', 5, null] },
  s3Credentials: path,
  storeDurable: choice('yes'),
  storeMemory: { ...size, badText: [...size.badText, '0', 'none', '64KiB'] },
  host,
  port,
  unix: path,
  unixMode: { text: '660', value: 0o660, badText: ['66', '888', 'rw', '7777'], badJson: [6, true, null] },
  tlsCert: path,
  tlsKey: path,
  tlsClientCa: path,
  tlsClientCerts: choice('required'),
  access: path,
  web: {
    text: '[::1]:81',
    value: { host: '::1', port: 81 },
    badText: ['localhost', ':81', '65536', 'a b:81', 'a/b:81', '::1:81', 'http://a:81'],
    badJson: ['', 65536, true, null, {}],
  },
  webHost: word('files.example,b.example:8443', 'a b', 'a/b', 'a,', 'https://a'),
  webPlain: choice('yes'),
  eventsWebhook: word('https://a.example/x', 'a.example', 'ftp://a', 'https://id:s3cret@a.example'),
  eventsSecretFile: path,
  eventsAddresses: word('10.0.0.0/8,!::1', 'a.example', '10.0.0.0/33', '10.0.0.1;10.0.0.2'),
  eventsCommand: {
    text: '["notify","--to","a b"]',
    value: ['notify', '--to', 'a b'],
    badText: ['notify --now', '[]', '[""]', '["a",1]', '["a"', '{}x y'],
    badJson: ['', 5, true, {}, [], ['a', 1]],
  },
  eventsNats: word('nats://a:4222,tls://b.example', 'a:4222', 'nats://', 'nats://id:s3cret@a', 'nats://a/x'),
  eventsNatsSubject: word('files.changed', 'files.*', 'files.>', 'a..b', 'a b'),
  eventsNatsCredentials: path,
  eventsTimeout: { ...time, badText: [...time.badText, '0', '2h', 'none'] },
  eventsBytes: { ...size, badText: [...size.badText, '0', 'none', '64KiB'] },
  eventsWhenFull: choice('drop'),
  acceptCommand: {
    text: '["notify","--to","a b"]',
    value: ['notify', '--to', 'a b'],
    badText: ['notify --now', '[]', '[""]', '["a",1]', '["a"', '{}x y'],
    badJson: ['', 5, true, {}, [], ['a', 1]],
  },
  acceptWebhook: word('https://a.example/x', 'a.example', 'ftp://a', 'https://id:s3cret@a.example'),
  acceptSecretFile: path,
  acceptTimeout: { ...time, badText: [...time.badText, '0', '2h', 'none'] },
  acceptAtOnce: {
    ...count,
    badText: [...count.badText, '0', '2000', 'none'],
    badJson: [...count.badJson, 0],
  },
  acceptUnanswered: choice('store'),
  maxConnections: count,
  maxConnectionsPerAddress: count,
  maxOpenRequests: { ...count, badText: [...count.badText, '0', 'none'], badJson: [...count.badJson, 0] },
  maxHeader: {
    ...size,
    text: '128KiB',
    value: 131_072,
    json: 131_072,
    badText: [...size.badText, '2MiB', '8'],
  },
  maxFile: size,
  maxUploads: count,
  quota: size,
  maxRequestsPerSecond: count,
  maxBytesPerSecond: size,
  memoryBudget: { ...size, badText: [...size.badText, '0', 'none', '64KiB'] },
  firstByteTimeout: time,
  headerTimeout: time,
  bodyTimeout: time,
  bodyMinimum: { ...size, badText: [...size.badText, '0', 'none'] },
  idleTimeout: time,
  unreadTimeout: time,
  grace: { ...time, badText: [...time.badText, '25h', 'none'] },
  workers: {
    ...count,
    badText: [...count.badText, '0', '257', 'none', 'AUTO'],
    badJson: [...count.badJson, 0, 257],
  },
  logLevel: choice('debug'),
  metricsPort: port,
  metricsHost: host,
  record: path,
  recordMaxSize: { ...size, badText: [...size.badText, '63KiB'] },
  recordMaxFiles: { ...count, badText: [...count.badText, '0', 'none'], badJson: [...count.badJson, 0] },
};
const each = settingNames.map((name) => [name, cases[name]] as const);

const engines = { store: 's3://files', postgres: 'postgresql://sluice@db/sluice' };
/** What a setting needs beside it to be no contradiction. */
const company: Readonly<Partial<Record<SettingName, Sources['flags']>>> = {
  tlsCert: { tlsKey: '/k' },
  tlsKey: { tlsCert: '/c' },
  tlsClientCa: { tlsCert: '/c', tlsKey: '/k', tlsClientCerts: 'optional' },
  tlsClientCerts: { tlsCert: '/c', tlsKey: '/k', tlsClientCa: '/ca' },
  store: { postgres: 'postgresql://sluice@db/sluice' },
  postgres: { store: 's3://files' },
  postgresSchema: engines,
  postgresConnections: engines,
  s3Endpoint: engines,
  s3Region: engines,
  s3Credentials: engines,
  storeDurable: engines,
  storeMemory: engines,
  webHost: { web: '8081' },
  webPlain: { web: '8081' },
  eventsSecretFile: { eventsWebhook: 'https://a.example' },
  eventsAddresses: { eventsWebhook: 'https://a.example' },
  acceptSecretFile: { acceptWebhook: 'https://a.example' },
  eventsNatsSubject: { eventsNats: 'nats://a' },
  eventsNatsCredentials: { eventsNats: 'nats://a' },
};

const nothing: Sources = { flags: {}, env: {}, cwd: '/cwd' };

function configurationOf(sources: Partial<Sources>): Configuration {
  const read = readSettings({ ...nothing, ...sources });
  if (!read.ok) throw new Error(read.problems.join('\n'));
  return read.value;
}

const settingsOf = (sources: Partial<Sources>): Settings => configurationOf(sources).settings;

function problemsOf(sources: Partial<Sources>): readonly string[] {
  const read = readSettings({ ...nothing, ...sources });
  return read.ok ? [] : read.problems;
}

/** The text of a file with one value. */
function fileOf(name: SettingName, value: unknown): string {
  const [section, key] = keyOf(name).split('.');
  return JSON.stringify(key === undefined ? { [name]: value } : { [section!]: { [key]: value } });
}

function configFile(text: string): { cwd: string; flags: { config: string } } {
  const cwd = tempFolder();
  writeFileSync(join(cwd, 'config.json'), text);
  return { cwd, flags: { config: 'config.json' } };
}

describe.each(each)('%s', (name, { text, value, json = text, badText, badJson, isSecret = false }) => {
  const beside = company[name] ?? {};

  test(`the setting ${name} is read from its flag`, () => {
    expect(settingsOf({ flags: { ...beside, [name]: text } })[name]).toEqual(value);
  });

  test(`the setting ${name} is read from its variable`, () => {
    expect(settingsOf({ flags: beside, env: { [variableOf(name)]: text } })[name]).toEqual(value);
  });

  test(`the setting ${name} is read from the file`, () => {
    const { cwd, flags } = configFile(fileOf(name, json));
    expect(settingsOf({ cwd, flags: { ...beside, ...flags } })[name]).toEqual(value);
  });

  test.each(badText)(
    `the setting ${name} refuses %j, and says whose flag or variable it is and what it must be`,
    (bad) => {
      const mustBe = settingOf(name).kind.mustBe;
      const shown = isSecret ? 'something else' : JSON.stringify(bad).replace('id:s3cret', '…');
      expect(problemsOf({ flags: { ...beside, [name]: bad } })).toEqual([
        `${flagOf(name)} must be ${mustBe}, not ${shown}`,
      ]);
      expect(problemsOf({ flags: beside, env: { [variableOf(name)]: bad } })).toEqual([
        `${variableOf(name)} must be ${mustBe}, not ${shown}`,
      ]);
    },
  );

  test.each(badJson)(`the setting ${name} refuses %j in the file, and says where`, (bad) => {
    const { cwd, flags } = configFile(fileOf(name, bad));
    const [problem, ...others] = problemsOf({ cwd, flags: { ...beside, ...flags } });
    expect(problem).toContain(`config.json: ${keyOf(name)} must be ${settingOf(name).kind.mustBe}, not `);
    expect(others).toEqual([]);
  });
});

describe('the sources', () => {
  test('the sources of settings count in their order: flag, environment, file, default', () => {
    const { cwd, flags } = configFile('{"port": 3, "limits": {"maxUploads": 3}, "grace": 3}');
    const env = { SLUICE_PORT: '2', SLUICE_MAX_UPLOADS: '2' };
    const settings = settingsOf({ cwd, env, flags: { ...flags, port: '1' } });
    expect(settings).toMatchObject({ port: 1, maxUploads: 2, grace: 3000, maxOpenRequests: 256 });
  });

  test('the sources of settings are all to be right, though another comes before', () => {
    expect(problemsOf({ flags: { port: '1' }, env: { SLUICE_PORT: 'x' } })).toHaveLength(1);
  });

  test('the problems of all sources of settings are told at once', () => {
    const { cwd, flags } = configFile('{"prot": 3, "limits": {"maxFile": true}}');
    const problems = problemsOf({ cwd, env: { SLUICE_PORT: 'x' }, flags: { ...flags, grace: 'x' } });
    expect(problems.map((problem) => problem.split(' must ')[0])).toEqual([
      'config.json: prot is not a setting; did you mean port?',
      'SLUICE_PORT',
      'config.json: limits.maxFile',
      '--grace',
    ]);
  });

  test('a variable that is empty sets nothing', () => {
    expect(settingsOf({ env: { SLUICE_PORT: '', SLUICE_CONFIG: '' } }).port).toBe(8080);
  });

  test('the file of settings may be named by the environment', () => {
    const { cwd } = configFile('{"port": 3}');
    expect(settingsOf({ cwd, env: { SLUICE_CONFIG: 'config.json' } }).port).toBe(3);
  });

  test('paths are relative to the file of settings they stand in, else to the working directory', () => {
    const cwd = tempFolder();
    mkdirSync(join(cwd, 'etc'));
    const file = { dir: '../files', unix: 'sock', tlsCert: '/abs', tlsKey: null, access: null };
    writeFileSync(join(cwd, 'etc/s.json'), JSON.stringify(file));
    const flags = { config: 'etc/s.json', tlsKey: 'key' };
    expect(settingsOf({ cwd, flags, env: { SLUICE_ACCESS: 'tokens' } })).toMatchObject({
      dir: join(cwd, 'files'),
      unix: join(cwd, 'etc/sock'),
      tlsCert: '/abs',
      tlsKey: join(cwd, 'key'),
      access: join(cwd, 'tokens'),
    });
    expect(settingsOf({ cwd }).dir).toBe(join(cwd, 'uploads'));
  });
});

describe('the file', () => {
  test.each([
    ['{"maxFile": 1}', 'maxFile is not a setting; did you mean limits.maxFile?'],
    ['{"limits": {"port": 1}}', 'limits.port is not a setting; did you mean port?'],
    ['{"limits": {"maxfiel": 1}}', 'limits.maxfiel is not a setting; did you mean limits.maxFile?'],
    ['{"tls-cert": "a"}', 'tls-cert is not a setting; did you mean tlsCert?'],
    ['{"limit": {}}', 'limit is not a setting; did you mean limits?'],
    ['{"somethingElse": 1}', 'somethingElse is not a setting'],
    ['{"__proto__": {"port": 1}}', '__proto__ is not a setting'],
    ['{"constructor": 1}', 'constructor is not a setting'],
    ['{"limits": {"limits": {}}}', 'limits.limits is not a setting; did you mean limits?'],
    ['{"limits": []}', 'limits must be an object of settings'],
    ['[]', 'must be an object of settings'],
    ['null', 'must be an object of settings'],
  ])('the file of settings is refused when it is %s', (text, problem) => {
    expect(parseConfig(text, 'config.json').problems).toEqual([`config.json: ${problem}`]);
  });

  test.each([
    ['{"port": 1,\n"port": 2}', 'port is there twice, in lines 1 and 2'],
    ['{"limits": {"maxFile": 1,\n\n"maxFile": 2}}', 'limits.maxFile is there twice, in lines 1 and 3'],
    ['{"limits": {},\n"limits": {"maxFile": 2}}', 'limits is there twice, in lines 1 and 2'],
    [
      '{"limits.maxFile": 1, "limits": {"maxFile": 2}}',
      'limits.maxFile is there twice, as a key with a dot and in an object',
    ],
  ])('the file of settings does not choose between two values: %s', (text, problem) => {
    expect(parseConfig(text, 'config.json').problems).toEqual([`config.json: ${problem}`]);
  });

  test('the file of settings is to be JSON, and to be there', () => {
    expect(problemsOf(configFile('{port: 1}'))).toEqual([
      'config.json: is not JSON: line 1, column 2: there must be a key in double quotes',
    ]);
    expect(problemsOf({ flags: { config: 'no.json' }, cwd: tempFolder() })).toEqual([
      'no.json: cannot be read: there is no such file',
    ]);
    expect(problemsOf({ flags: { config: '.' }, cwd: tempFolder() })).toEqual([
      '.: cannot be read: it is a folder (EISDIR)',
    ]);
  });

  test('an address that is refused for the password in it is refused without telling it', () => {
    const beside = { store: 's3://files', postgres: 'postgresql://db/sluice' };
    const wrong = [
      ['s3Endpoint', 'https://id:s3cret@s3.example.org'],
      ['s3Endpoint', 'HTTPS://id:s3cret/x@s3.example.org'],
      ['store', 's3://id:s3cret@files'],
      ['eventsWebhook', 'https://id:s3cret@example.org'],
      ['acceptWebhook', 'https://id:s3cret@example.org'],
      ['eventsNats', 'nats://a,nats://id:s3cret@example.org'],
    ] as const;
    for (const [name, url] of wrong) {
      const { cwd, flags } = configFile(fileOf(name, url));
      const problems = [
        ...problemsOf({ flags: { ...beside, [name]: url } }),
        ...problemsOf({ flags: {}, env: { [variableOf(name)]: url } }),
        ...problemsOf({ cwd, flags }),
      ];
      expect(problems.filter((problem) => problem.includes('//…@'))).toHaveLength(3);
      expect(problems.join()).not.toContain('s3cret');
    }
  });

  test('a file of settings that has a secret where a path belongs is refused without telling it', () => {
    const problems = problemsOf(configFile('{"access": {"token": "s3cret"}}'));
    expect(problems).toEqual([expect.stringContaining('access must be the path of a file, not an object')]);
  });
});

describe('a size', () => {
  test.each([
    ['0b', undefined],
    ['1', 1],
    ['1B', 1],
    ['1kB', 1000],
    ['1KB', 1000],
    ['1KiB', 1024],
    ['1.5 MiB', 1.5 * MiB],
    ['1GB', 1e9],
    ['1tib', 1024 ** 4],
    ['0', infinite],
    ['none', infinite],
  ])('the size %s is %s bytes', (text, bytes) => {
    expect(settingOf('maxFile').kind.read(text)).toBe(bytes);
  });
});

describe('a time', () => {
  test.each([
    ['30', 30_000],
    ['0.5', 500],
    ['500ms', 500],
    ['2m', 120_000],
    ['1.5 h', 5_400_000],
    ['7d', 604_800_000],
    ['0', infinite],
    ['none', infinite],
  ])('the time %s is %s ms', (text, millis) => {
    expect(settingOf('idleTimeout').kind.read(text)).toBe(millis);
  });

  test('a time without a unit may be in milliseconds, where a command has it so', () => {
    const kind = timeKind(0, 10_000, 'ms');
    expect(['50', '50ms', '0.5s', '10', '11s'].map(kind.read)).toEqual([50, 50, 500, 10, undefined]);
    expect(kind.print(kind.read('50')!)).toBe(50);
    expect(kind.mustBe).toContain('50 (milliseconds)');
  });

  test('a time of 0 is one where it makes sense', () => {
    expect(settingsOf({ flags: { grace: '0', keepPartial: '0' } })).toMatchObject({
      grace: 0,
      keepPartial: 0,
    });
  });
});

describe('contradictions', () => {
  const { cwd, flags } = { cwd: '/cwd', flags: {} };
  test.each([
    [{ tlsCert: 'c' }, ['--tls-cert needs --tls-key as well']],
    [{ tlsKey: 'k' }, ['--tls-key needs --tls-cert as well']],
    [
      { tlsCert: 'c', tlsKey: 'k', tlsClientCerts: 'required' },
      ['--tls-client-certs required needs --tls-client-ca: who issues the certificates'],
    ],
    [
      { tlsCert: 'c', tlsKey: 'k', tlsClientCa: 'a' },
      ['--tls-client-ca needs --tls-client-certs to be optional or required: it is none'],
    ],
    [{ tlsClientCa: 'a', tlsClientCerts: 'optional' }, ['--tls-client-ca needs --tls-cert as well']],
    [{ port: 'none' }, ['--port none needs --unix: it would listen nowhere']],
    [
      { port: 'none', unix: 's', tlsCert: 'c', tlsKey: 'k' },
      ['--tls-cert needs a port: a Unix socket is not encrypted'],
    ],
    [{ metricsPort: '8080' }, ['--metrics-port must be another port than --port: both are 8080']],
    [{ port: 'none', web: '8081' }, []],
    [{ port: 'none', web: '8081', tlsCert: 'c', tlsKey: 'k' }, []],
    [{ webPlain: 'no' }, []],
    [
      { webHost: 'a', webPlain: 'yes' },
      ['--web-host needs --web as well', '--web-plain needs --web as well'],
    ],
    [
      { web: '0.0.0.0:81' },
      [
        '--web 0.0.0.0:81 is reached from other machines, and needs --tls-cert: tokens and files would cross the ' +
          'network readably; or --web-plain, where a proxy in front of it speaks TLS',
      ],
    ],
    [{ web: '0.0.0.0:81', webPlain: 'yes' }, []],
    [{ web: '0.0.0.0:81', tlsCert: 'c', tlsKey: 'k' }, []],
    [
      { web: '81', webPlain: 'yes', tlsCert: 'c', tlsKey: 'k', tlsClientCa: 'a', tlsClientCerts: 'required' },
      ['--web-plain lets in whoever reaches the page, and --tls-client-certs is required: it needs --access'],
    ],
    [{ web: '8080' }, ['--web must have another port than --port: both are 8080']],
    [{ web: '9', metricsPort: '9' }, ['--web must have another port than --metrics-port: both are 9']],
    [{ store: 's3://files' }, ['--store needs --postgres as well']],
    [{ postgres: engines.postgres }, ['--postgres needs --store as well']],
    [
      { s3Region: 'eu-west-3', storeDurable: 'yes' },
      ['--s3-region needs --store as well', '--store-durable needs --store as well'],
    ],
    [{ ...engines, dir: 'd' }, ['DIR is for a folder, and --store is set']],
    [
      { ...engines, durability: 'os', checksums: 'disk' },
      ['--durability is for a folder, and --store is set', '--checksums is for a folder, and --store is set'],
    ],
    [{ ...engines, record: 'uploads' }, []],
    [{ port: 'none', unix: 's' }, []],
    [{ port: '0', metricsPort: '0' }, []],
  ])('the contradictions of %j are told', (more, problems) => {
    expect(problemsOf({ cwd, flags: { ...flags, ...more } })).toEqual(problems);
  });

  test.each(['postgresql://sluice:s3cret@db/sluice', 'postgresql://sluice@db/sluice?password=s3cret'])(
    'a password in the flag --postgres is refused and not repeated, since the list of processes shows it: %s',
    (postgres) => {
      const [problem, ...others] = problemsOf({ flags: { ...engines, postgres } });
      expect(problem).toMatch(
        /^--postgres must be without a password, .* PGPASSWORD, PGPASSFILE or SLUICE_POSTGRES$/,
      );
      expect(problem).not.toContain('s3cret');
      expect(others).toEqual([]);
      expect(
        settingsOf({ flags: { store: engines.store }, env: { SLUICE_POSTGRES: postgres } }).postgres,
      ).toBe(postgres);
      const { cwd, flags } = configFile(JSON.stringify({ ...engines, postgres }));
      expect(settingsOf({ cwd, flags }).postgres).toBe(postgres);
    },
  );

  test('contradictions are told in the words of the source', () => {
    expect(problemsOf({ env: { SLUICE_TLS_CERT: 'c' } })).toEqual([
      'SLUICE_TLS_CERT needs SLUICE_TLS_KEY as well',
    ]);
    expect(problemsOf(configFile('{"tlsKey": "k"}'))).toEqual(['config.json: tlsKey needs tlsCert as well']);
  });
});

describe('warnings', () => {
  const warned = (flags: Sources['flags'], openFiles = infinite) => {
    const read = readSettings({ ...nothing, flags });
    if (!read.ok) throw new Error(read.problems.join('\n'));
    return warnings(read.value, openFiles);
  };
  const tls = { tlsCert: 'c', tlsKey: 'k' };

  test.each([
    [{}],
    [{ host: 'localhost' }],
    [{ host: '[::1]' }],
    [{ host: '0.0.0.0', access: 'a', ...tls }],
    [{ host: '::', ...tls, tlsClientCa: 'ca', tlsClientCerts: 'required' }],
    [{ host: '0.0.0.0', port: 'none', unix: 's' }],
    [{ web: '0.0.0.0:81', access: 'a', ...tls }],
    [{ web: 'localhost:81' }],
  ])('there are no warnings of %j', (flags) => {
    expect(warned(flags)).toEqual([]);
  });

  test.each([
    [{ host: '0.0.0.0' }, /^--host 0\.0\.0\.0 lets everybody .* set access/],
    [{ host: '::', ...tls }, /lets everybody/],
    [{ host: '::', ...tls, tlsClientCa: 'ca', tlsClientCerts: 'optional' }, /lets everybody/],
    [{ host: '192.168.0.5', access: 'a' }, /without tlsCert/],
    [{ web: '0.0.0.0:81', ...tls }, /^--web lets everybody .* set access/],
  ])('there is a warning of %j', (flags, text) => {
    expect(warned(flags)).toEqual([expect.stringMatching(text)]);
  });

  test('there is a warning of more connections than open files, and it names both', () => {
    expect(warned({ maxConnections: '2000' }, 1024)).toEqual([
      expect.stringMatching(/^--max-connections 2000 .* 1024 open files .* to 6344/),
    ]);
    expect(warned({ maxConnections: '226' }, 1024)).toEqual([]);
    expect(warned({}, 64)).toEqual([]);
    expect(warned({ maxConnections: 'none' }, 1024)).toEqual([]);
  });
});

describe('the number of connections', () => {
  const limits = (openFiles: number, flags: Sources['flags'] = {}) =>
    limitsOf(configurationOf({ flags }), openFiles);

  test('the number of connections is by default what the descriptors of the process allow, each with a file to send and one to store', () => {
    for (const openFiles of [512, 1024, 20_000, 65_536, 1_048_576]) {
      const { connections, connectionsPerAddress, openFiles: shared } = limits(openFiles);
      expect(descriptorsFor(connections) + shared.reading + shared.writing).toBeLessThanOrEqual(openFiles);
      expect(connectionsPerAddress).toBeLessThanOrEqual(connections);
    }
    expect(limits(1024).connections).toBe(170);
    expect(limits(64).connections).toBe(1);
  });

  test('the number of connections leaves room for the TLS handshakes that may be under way', () => {
    const tls = { tlsCert: 'cert.pem', tlsKey: 'key.pem' };
    for (const openFiles of [512, 1024, 20_000]) {
      const { connections, openFiles: shared } = limits(openFiles, tls);
      const handshakes = handshakesWithin(openFiles);
      expect(handshakes).toBeGreaterThanOrEqual(64);
      expect(descriptorsFor(connections) + shared.reading + shared.writing + handshakes).toBeLessThanOrEqual(
        openFiles,
      );
    }
  });

  test('the number of connections is what was asked for where somebody asked, and the files are fewer instead', () => {
    expect(limits(1024, { maxConnections: '222' })).toMatchObject({
      connections: 222,
      openFiles: { reading: 7, writing: 7 },
    });
    expect(limits(1024, { maxConnections: '10000' })).toMatchObject({
      connections: 10_000,
      openFiles: { reading: 0, writing: 0 },
    });
  });
});

describe('a memory budget', () => {
  test('a memory budget that has no room for the largest header there may be is refused, and both are named', () => {
    expect(problemsOf({ flags: { memoryBudget: '1MiB', maxHeader: '1MiB' } })).toEqual([
      expect.stringMatching(/^--memory-budget must be at least 3178752 bytes with --max-header 1048576: /),
    ]);
    expect(problemsOf({ flags: { memoryBudget: '1MiB' } })).toEqual([]);
  });

  test('a memory budget that has no room for the largest header in each worker is refused, and their number is named', () => {
    expect(problemsOf({ flags: { memoryBudget: '1MiB', workers: '5' } })).toEqual([
      expect.stringMatching(
        /^--memory-budget must be at least 1148160 bytes with --max-header 65536 and --workers 5, each with its share: /,
      ),
    ]);
  });
});

describe('the defaults', () => {
  test('the defaults of the settings are the limits of the library', () => {
    expect(limitsOf(configurationOf({}), infinite)).toEqual(defaultLimits);
  });

  test('workers hold connections and rates together, have a share of the memory, and their own open files', () => {
    const flags = { workers: '4', maxRequestsPerSecond: '100', memoryBudget: '64MiB' };
    expect(limitsOf(configurationOf({ flags }), 1024)).toMatchObject({
      connections: 4 * 170,
      connectionsPerAddress: 544,
      requestsPerSecond: 100,
      budget: { high: 16 * MiB, low: 12 * MiB },
      openFiles: { reading: 85, writing: 85 },
    });
    const given = limitsOf(configurationOf({ flags: { ...flags, maxConnections: '100' } }), 1024);
    expect(given).toMatchObject({ connections: 100, connectionsPerAddress: 8000 });
  });

  test('the defaults give way, each limit to the setting of its own', () => {
    const flags = {
      maxHeader: '1001',
      maxFile: '1002',
      maxConnections: '1003',
      maxConnectionsPerAddress: '1004',
      maxRequestsPerSecond: '1005',
      maxBytesPerSecond: '1006',
      maxOpenRequests: '1007',
      memoryBudget: '2MiB',
      firstByteTimeout: '1',
      headerTimeout: '2',
      bodyTimeout: '3',
      bodyMinimum: '4',
      idleTimeout: '5',
      unreadTimeout: '6',
      grace: '7',
    };
    expect(limitsOf(configurationOf({ flags }), infinite)).toEqual({
      ...defaultLimits,
      headerBytes: 1001,
      fileBytes: 1002,
      connections: 1003,
      connectionsPerAddress: 1004,
      requestsPerSecond: 1005,
      bytesPerSecond: 1006,
      openRequests: 1007,
      budget: { high: 2 * MiB, low: 1.5 * MiB },
      timeouts: {
        firstBytes: 1000,
        header: 2000,
        body: 3000,
        bodyBytes: 4,
        idle: 5000,
        unread: 6000,
      },
      grace: 7000,
    });
  });
});

describe('what is printed', () => {
  /** Texts that each setting takes, the ones with units and the odd ones among them. */
  const someText = (name: SettingName): fc.Arbitrary<string> => {
    const { kind } = settingOf(name);
    const words = [
      cases[name].text,
      'none',
      '0',
      '1',
      '600',
      '0.25',
      '1.5h',
      '3kB',
      '17MiB',
      'auto',
      'a/b c',
      '::1',
      '250ms',
    ];
    return fc
      .oneof(
        fc.constantFrom(...words),
        fc.nat({ max: 2 ** 31 - 1 }).map(String),
        fc
          .tuple(fc.nat({ max: 5000 }), fc.constantFrom('ms', 's', 'm', 'KiB', 'MB', 'GiB'))
          .map((it) => it.join('')),
      )
      .filter((text) => kind.read(text) !== undefined);
  };
  const free = settingNames.filter(
    (name) =>
      !name.startsWith('tls') && name !== 'port' && name !== 'record' && settingOf(name).group !== 'engines',
  );
  const some = fc.record(Object.fromEntries(free.map((name) => [name, someText(name)])), {
    requiredKeys: [],
  });

  prop.prop([some])('what is printed reads as the same settings as those of any flags', (flags) => {
    // A budget and a header that do not fit are no settings, nor is what is said of a page or a webhook without one.
    const contradictions = problemsOf({ flags: { ...flags, port: '0' } });
    fc.pre(
      !contradictions.some((each) =>
        /^--memory-budget must be at least|^--web|^--events|^--accept/.test(each),
      ),
    );
    const settings = settingsOf({ flags: { ...flags, port: '0' } });
    const { values, problems } = parseConfig(printSettings(settings), 'printed');
    expect(problems).toEqual([]);
    const again = [...values].map(([key, value]) => {
      const name = settingNames.find((each) => keyOf(each) === key || each === key)!;
      return [name, settingOf(name).kind.readJson(value)];
    });
    expect(settings).toMatchObject(Object.fromEntries(again));
    expect(again.length).toBe(settingNames.filter((name) => isInEffect(name, settings)).length);
  });

  test('what is printed of a store over engines reads as the same settings', () => {
    const flags = { ...engines, s3Endpoint: 'http://s3:9000', storeDurable: 'yes', storeMemory: '64MiB' };
    const settings = settingsOf({ flags });
    const again = settingsOf(configFile(printSettings(settings)));
    expect({ ...again, dir: null }).toEqual({ ...settings, dir: null });
  });

  test.each([
    'postgresql://sluice:s3cret@db/sluice?sslmode=verify-full',
    'postgresql://sluice@db/sluice?password=s3cret&sslmode=verify-full',
  ])('the password in %s is never printed, and the rest is', (url) => {
    const settings = settingsOf({ flags: { store: engines.store }, env: { SLUICE_POSTGRES: url } });
    expect(settings.postgres).toBe(url);
    const printed = printSettings(settings);
    expect(printed).not.toContain('s3cret');
    expect(printed).toContain('"postgresql://sluice@db/sluice?sslmode=verify-full"');
  });

  test('what is printed reads as the same settings as a file, and has every setting that is in effect', () => {
    const flags = { ...company.tlsClientCa, tlsClientCa: 'ca', port: 'none', unix: 's', unixMode: '660' };
    const settings = settingsOf({ flags: { ...flags, port: '0', quota: '1.5GiB', idleTimeout: 'none' } });
    const printed = printSettings(settings);
    expect(settingsOf(configFile(printed))).toEqual(settings);
    expect([...parseConfig(printed, 'printed').values.keys()].sort()).toEqual(
      settingNames.filter((name) => !(OF_ENGINES as readonly string[]).includes(name)).sort(),
    );
  });
});

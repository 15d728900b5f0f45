import { writeFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { of } from 'rxjs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isExitError } from '../../../src/cli/shared/exit-error.ts';
import {
  addServerOption,
  connected,
  connection$,
  connectionsOf,
  type ServerFlags,
  tokenOf,
} from '../../../src/cli/shared/server-option.ts';
import { sayHello } from '../../../src/cli/shared/with-client.ts';
import { createClient } from '../../../src/client/client.ts';
import { openAccessFile } from '../../../src/server/access/access-file.ts';
import { serve } from '../../../src/server/serve.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { listenTcp } from '../../../src/transport/socket/tcp.ts';
import { listenTls } from '../../../src/transport/tls/tls.ts';
import { listenUnix } from '../../../src/transport/unix/unix.ts';
import { createAuthority } from '../../support/certificates.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';
import { once, read, write } from '../../transport/connection-helpers.ts';
import { listener } from '../../transport/tcp-pair.ts';

/** What a command gets from its line and environment; throws what commander does. */
function flagsOf(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  name: 'to' | 'from' = 'to',
): ServerFlags {
  const inherited = Object.keys(process.env).filter((name) => name.startsWith('SLUICE_'));
  for (const name of inherited) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const command = new Command('test').exitOverride().configureOutput({ writeErr: () => {} });
  addServerOption(command, name).parse(args, { from: 'user' });
  return command.opts<ServerFlags>();
}

/** Why the flags make no sense. */
function misuse(what: () => unknown): string {
  try {
    what();
  } catch (thrown) {
    if (isExitError(thrown)) return thrown.said ?? '';
    throw thrown;
  }
  return expect.unreachable('it went well');
}

const file = (content: string): string => {
  const path = `${tempFolder()}/file`;
  writeFileSync(path, content);
  return path;
};

const authority = createAuthority('Test CA');
const issued = (names: readonly string[], until?: number) =>
  authority.issue({ subject: [['CN', 'server']], names, ...(until !== undefined && { until }) });
const ca = () => file(authority.cert);

async function listening(events$: Parameters<typeof listener>[0]) {
  const listened = await listener(events$);
  onTestFinished(listened.stop);
  return listened;
}

const secure = (credentials = issued(['localhost', '127.0.0.1'])) =>
  listening(listenTls({ port: 0, credentials$: of(credentials) }));

/** Why a command could not connect. */
const refusal = async (flags: ServerFlags): Promise<string> => {
  const thrown = await connected(connection$(flags)).then(
    () => expect.unreachable('it connected'),
    (error) => error,
  );
  expect(thrown).toMatchObject({ name: 'ExitError', status: 3 });
  return thrown.message;
};

async function reaches(flags: ServerFlags, accepted: () => Promise<Connection>): Promise<string> {
  const [ours, theirs] = await Promise.all([connected(connection$(flags)), accepted()]);
  ours.destroy();
  theirs.destroy();
  return theirs.id;
}

describe('the server', () => {
  test('the server is reached over TCP, TLS or a Unix socket, as the flags say', async () => {
    const tcp = await listening(listenTcp({ port: 0 }));
    expect(await reaches(flagsOf(['--to', `:${tcp.port}`]), tcp.connection)).toMatch(/^tcp:/);
    const tls = await secure();
    const byFlags = flagsOf(['--to', `localhost:${tls.port}`, '--tls-ca', ca()]);
    expect(await reaches(byFlags, tls.connection)).toMatch(/^tls:/);
    const path = `${tempFolder()}/s`;
    const unix = await listening(listenUnix({ path }));
    expect(await reaches(flagsOf(['--to', `unix:${path}`]), unix.connection)).toMatch(/^unix:/);
  });

  test('the server and its TLS may come from the environment', async () => {
    const { port, connection } = await secure();
    const flags = flagsOf([], { SLUICE_SERVER: `localhost:${port}`, SLUICE_TLS: '1', SLUICE_TLS_CA: ca() });
    expect(await reaches(flags, connection)).toMatch(/^tls:/);
  });

  test('the server is connected to anew at each subscription', async () => {
    const { port, connection } = await listening(listenTcp({ port: 0 }));
    const connecting$ = connection$(flagsOf(['--to', `:${port}`]));
    const ids = new Set<string>();
    for (let turn = 0; turn < 2; turn++) {
      const [ours, theirs] = await Promise.all([once(connecting$), connection()]);
      ids.add(ours.id);
      ours.destroy();
      theirs.destroy();
    }
    expect(ids.size).toBe(2);
  });

  test('the server sees who it speaks to by --tls-cert and --tls-key', async () => {
    const credentials = { ...issued(['localhost']), clientCa: authority.cert };
    const { port, connection } = await listening(
      listenTls({ port: 0, credentials$: of(credentials), clientCertificates: 'required' }),
    );
    const alice = authority.issue({ subject: [['CN', 'alice']] });
    const shown = ['--tls-cert', file(alice.cert), '--tls-key', file(alice.key)];
    const flags = flagsOf(['--to', `localhost:${port}`, '--tls-ca', ca(), ...shown]);
    const [ours, theirs] = await Promise.all([connected(connection$(flags)), connection()]);
    expect(theirs.certificate?.commonName).toBe('alice');
    ours.destroy();
    theirs.destroy();
  });
});

test.each([
  [{}, 1],
  [{ parallel: 4, bwlimit: 64 * 1024 }, 4],
  [{ parallel: 'auto' }, 8],
  [{ parallel: 'auto', bwlimit: 64 * 1024 }, 1],
  [{ parallel: 'auto', bwlimit: 200 * 1024 }, 3],
  [{ parallel: 'auto', bwlimit: 1024 ** 3 }, 8],
] as const)('of %j a command has up to %i connections', (flags, most) => {
  expect(connectionsOf(flags).most).toBe(most);
});

describe('the time to wait for the connection', () => {
  test.each([
    [[], 10_000],
    [['--timeout', '2'], 2000],
    [['--timeout', '0.5'], 500],
    [['--timeout', '2m'], 120_000],
    [['--timeout', '250ms'], 250],
    [['--timeout', '24h'], 86_400_000],
  ])('the time to wait for the connection has units, and is in seconds without one: %j', (args, millis) => {
    expect(flagsOf(args).timeout).toBe(millis);
  });

  test.each(['2x', '-1', '25h', '', '1e3', '0', '0s', '0.0001'])(
    'the time to wait for the connection cannot be %j',
    (text) => {
      expect(() => flagsOf(['--timeout', text])).toThrow(
        /It must be a time from 1ms to 24h, such as 30 \(seconds\)/,
      );
    },
  );
});

describe('a connection that cannot be says which option helps', () => {
  test.each([
    ['without the authority', () => secure(), () => ['--tls'], '--tls-ca FILE'],
    [
      'for another name',
      () => secure(issued(['other.example'])),
      () => ['--tls-ca', ca()],
      '--tls-name NAME',
    ],
    [
      'expired',
      () => secure(issued(['localhost'], Date.now() - 1)),
      () => ['--tls-ca', ca()],
      'must be renewed',
    ],
  ])(
    'a connection that cannot be made says which option helps against a certificate %s',
    async (_, server, args, hint) => {
      const { port } = await server();
      expect(await refusal(flagsOf(['--to', `localhost:${port}`, ...args()]))).toContain(hint);
    },
  );

  test('another name of a certificate is taken with --tls-name', async () => {
    const { port, connection } = await secure(issued(['other.example']));
    const flags = flagsOf(['--to', `localhost:${port}`, '--tls-ca', ca(), '--tls-name', 'other.example']);
    expect(await reaches(flags, connection)).toMatch(/^tls:/);
  });

  test('TLS to a server without it says which option helps', async () => {
    const { port, connection } = await listening(listenTcp({ port: 0 }));
    connection().then(async (accepted) => {
      read(accepted);
      await write(accepted, Buffer.from('{"error":"what is this?"}'));
      accepted.end();
    });
    expect(await refusal(flagsOf(['--to', `:${port}`, '--tls']))).toContain(
      'leave --tls and SLUICE_TLS away',
    );
  });

  test('no TLS to a server that speaks it says which option helps', async () => {
    const { port } = await secure();
    const connection = await connected(connection$(flagsOf(['--to', `:${port}`])));
    const reading = read(connection);
    connection.write([Buffer.from('\x0e\0\0\0{"cmd":"list"}')], () => {});
    expect(await reading.done).toMatchObject({
      code: 'untrusted',
      message: 'the server speaks TLS: add --tls',
    });
    connection.destroy();
  });
});

describe('flags that make no sense', () => {
  test.each(['to', 'from'] as const)(
    'without a server, the option that the command has for it is named: --%s',
    (name) => {
      const message = misuse(() => connection$(flagsOf([], {}, name)));
      expect(message).toBe(`no server was named: add --${name} HOST:PORT, or set SLUICE_SERVER`);
    },
  );

  const junk = () => file('junk');
  test.each<[string, () => readonly string[], string]>([
    ['TLS on a Unix socket', () => ['--to', 'unix:/s', '--tls'], 'leave --tls away'],
    ['a certificate without a key', () => ['--to', ':1', '--tls-cert', junk()], 'belong together'],
    [
      'a file that is missing',
      () => ['--to', ':1', '--tls-ca', '/none/ca.pem'],
      'cannot be read: there is no such file (ENOENT)',
    ],
    ['an authority that is none', () => ['--to', ':1', '--tls-ca', junk()], 'holds no certificate'],
    [
      'a certificate that is none',
      () => ['--to', ':1', '--tls-cert', junk(), '--tls-key', junk()],
      'is not PEM',
    ],
  ])('flags that make no sense are told: %s', (_, args, why) => {
    expect(misuse(() => connection$(flagsOf(args())))).toContain(why);
  });

  test.each(['unix:', 'host', 'host:0', 'host:70000'])('a place that is none is refused: %s', (place) => {
    expect(() => flagsOf(['--to', place])).toThrow(CommanderError);
  });

  test('a SLUICE_TLS that is neither 1 nor 0 is refused', () => {
    expect(misuse(() => connection$(flagsOf(['--to', ':1'], { SLUICE_TLS: 'yes' })))).toContain('1 or 0');
  });
});

describe('the token', () => {
  const secret = 'Zs3cretZs3cretZs3cret';

  test('the token comes from the file, else from the environment, else there is none', () => {
    const flags = flagsOf(['--token-file', file(`${secret}\n`)]);
    expect(tokenOf(flags, { SLUICE_TOKEN: 'other' })).toBe(secret);
    expect(tokenOf(flagsOf([]), { SLUICE_TOKEN: secret })).toBe(secret);
    expect(tokenOf(flagsOf([]), {})).toBeNull();
    expect(tokenOf(flagsOf([], { SLUICE_TOKEN_FILE: file(secret) }), {})).toBe(secret);
  });

  test.each([
    ['empty', '\n', 'is empty'],
    ['of several lines', `${secret}\n${secret}\n`, 'has several lines'],
    ['too long', secret.repeat(100), 'is longer than'],
  ])('a token that is %s is refused without being shown', (_, content, why) => {
    const message = misuse(() => tokenOf(flagsOf(['--token-file', file(content)]), {}));
    expect(message).toContain(why);
    expect(message).not.toContain('s3cret');
  });

  test('the token cannot be given as an option, and no help shows it', () => {
    expect(() => flagsOf(['--token', secret])).toThrow(CommanderError);
    vi.stubEnv('SLUICE_TOKEN', secret);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const help = addServerOption(new Command('test'), 'to').helpInformation();
    expect(help).toContain('--token-file');
    expect(help).not.toContain('s3cret');
  });

  test('a token said in hello opens a server that asks for it, and a wrong one does not', async () => {
    const access = file(JSON.stringify({ tokens: [{ name: 'a', token: secret, rights: ['read'] }] }));
    const opened = await openAccessFile(access);
    if (!opened.ok) return expect.unreachable(opened.problems.join());
    const port = await new Promise<number>((resolve) => {
      const connections$ = listenTcp({ port: 0 });
      const served = serve({ connections$, store: memoryStore(), access: opened.value.access }).subscribe(
        (event) => event.type === 'listening' && resolve((event as ListenEvent & { port: number }).port),
      );
      onTestFinished(() => served.unsubscribe());
    });
    const client = async () => {
      const made = createClient(await connected(connection$(flagsOf(['--to', `:${port}`]))));
      onTestFinished(() => made.destroy());
      return made;
    };
    const known = await client();
    await sayHello(known, secret);
    expect((await once(known.page())).files).toEqual([]);
    const stranger = await client();
    await sayHello(stranger, null);
    await expect(once(stranger.page())).rejects.toMatchObject({ error: { code: 'not-authenticated' } });
    const guesser = await client();
    await expect(sayHello(guesser, `${secret}x`)).rejects.toMatchObject({ error: { code: 'bad-token' } });
  });
});

import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  explainUnknownServer,
  type NamedServer,
  readServers,
  serversPath,
  writeServers,
} from '../../../src/cli/config/servers-file.ts';
import { isExitError } from '../../../src/cli/shared/exit-error.ts';
import { explainBadServerName, parseServer } from '../../../src/cli/shared/server-address.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

function fileWith(text: string): string {
  const path = join(tempFolder(), 'servers.json');
  writeFileSync(path, text);
  return path;
}

function faultOf(what: () => unknown): string {
  try {
    what();
  } catch (thrown) {
    if (isExitError(thrown)) return thrown.said ?? '';
    throw thrown;
  }
  return expect.unreachable('it went well');
}

describe('where the file is', () => {
  test('the file is below XDG_CONFIG_HOME, and below ~/.config when that is not an absolute path', () => {
    const below = join(homedir(), '.config/sluice/servers.json');
    expect(serversPath({ XDG_CONFIG_HOME: '/etc/x' })).toBe('/etc/x/sluice/servers.json');
    expect(serversPath({ XDG_CONFIG_HOME: 'x' })).toBe(below);
    expect(serversPath({})).toBe(below);
  });
});

describe('what is written', () => {
  const server: NamedServer = { address: ':8080', tls: true, tokenFile: '/t' };

  test('servers that were written are read again, in the order of their names', () => {
    const path = join(tempFolder(), 'new/sluice/servers.json');
    writeServers(path, new Map([['b', server] as const, ['a', { address: 'unix:/s' }] as const]));
    expect([...readServers(path)]).toEqual([
      ['a', { address: 'unix:/s' }],
      ['b', server],
    ]);
  });

  test('nobody else may read the file, whatever was there before, and nothing is left beside it', () => {
    const path = fileWith('{ "servers": {} }');
    chmodSync(path, 0o644);
    writeServers(path, new Map([['a', server]]));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, '..'))).toEqual(['servers.json']);
  });

  test('a link to the file stays a link, and what it leads to is replaced', () => {
    const real = fileWith('{ "servers": {} }');
    const link = join(tempFolder(), 'servers.json');
    symlinkSync(real, link);
    writeServers(link, new Map([['a', server]]));
    expect(readServers(real)).toEqual(new Map([['a', server]]));
  });

  test('a file that cannot be written is named, and no part of it is left', () => {
    const folder = tempFolder();
    mkdirSync(join(folder, 'servers.json/full'), { recursive: true });
    const path = join(folder, 'servers.json');
    expect(faultOf(() => writeServers(path, new Map()))).toContain(`${path} cannot be written`);
    expect(readdirSync(folder)).toEqual(['servers.json']);
  });
});

describe('what is read', () => {
  test('where there is no file there are no servers', () => {
    expect(readServers(join(tempFolder(), 'none'))).toEqual(new Map());
  });

  test('a relative path in the file is one beside the file, and tls: false is none', () => {
    const path = fileWith('{"servers":{"a":{"address":"h:1","tls":false,"tokenFile":"t"}}}');
    expect(readServers(path).get('a')).toEqual({ address: 'h:1', tokenFile: join(path, '../t') });
  });

  const secret = 'Zs3cretZs3cret';
  test.each([
    ['no JSON', '{\n  "servers": oops }', /it is not JSON: .*line 2/],
    ['an empty file', '', /it is not JSON/],
    ['a list', '[]', 'it must be an object with the field servers'],
    ['an object without servers', '{}', 'servers must be an object'],
    [
      'a key that is there twice',
      '{"servers":{"a":{},\n"a":{}}}',
      'servers.a is there twice, in lines 1 and 2',
    ],
    ['a misspelt top', '{"sevrers":{}}', 'sevrers is not a field; did you mean servers?'],
    ['a bad name', '{"servers":{"a b":{}}}', 'a b is no name of a server'],
    ['a name of the language', '{"servers":{"__proto__":{"address":":1"}}}', 'is no name of a server'],
    ['a server that is a text', '{"servers":{"a":":1"}}', 'a must be an object with the field address'],
    ['no address', '{"servers":{"a":{}}}', 'a has no address'],
    ['a bad address', '{"servers":{"a":{"address":"h"}}}', 'a.address must be HOST:PORT or unix:/path'],
    ['a misspelt field', '{"servers":{"a":{"tlsCs":"x"}}}', 'a.tlsCs is not a field; did you mean tlsCa?'],
    ['a token', `{"servers":{"a":{"token":"${secret}"}}}`, 'a.token is not a field; the fields are address,'],
    ['a token for a file', `{"servers":{"a":{"tokenFile":["${secret}"]}}}`, 'a.tokenFile must be a text'],
    ['a tls that is a text', '{"servers":{"a":{"tls":"yes"}}}', 'a.tls must be true or false'],
  ])('a file with %s is refused by what is wrong with it, and no value of it is shown', (_, text, why) => {
    const path = fileWith(text);
    const message = faultOf(() => readServers(path));
    expect(message).toMatch(why);
    expect(message.startsWith(`${path}: `)).toBe(true);
    expect(message).not.toContain(secret);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});

describe('names', () => {
  test.each(['work', 'a', 'A-b_c.d9', `x${'y'.repeat(63)}`])('%s can be the name of a server', (name) => {
    expect(explainBadServerName(name)).toBeNull();
    expect(parseServer(`${name}:`)).toEqual({ name });
  });

  test.each(['', '8080', '192.168.0.5', '-a', 'a b', 'a:b', 'unix', 'é', '__proto__', `x${'y'.repeat(64)}`])(
    '%j cannot be the name of a server',
    (name) => {
      expect(explainBadServerName(name)).not.toBeNull();
      expect(() => parseServer(`${name}:`)).toThrow();
    },
  );

  test('an address is no name', () => {
    expect(parseServer('work:8080')).toEqual({ host: 'work', port: 8080 });
    expect(parseServer(':8080')).toEqual({ host: '127.0.0.1', port: 8080 });
    expect(() => parseServer('work')).toThrow(/HOST:PORT.* its name and a colon: work:$/);
    expect(() => parseServer('work:photos')).toThrow(
      / work: and nothing behind it. A folder of it is named apart/,
    );
  });

  const named = (...names: string[]) => new Map(names.map((name) => [name, { address: ':1' }]));
  test.each([
    ['wrk', named('work', 'home'), 'no server is named wrk; did you mean work?'],
    ['zz', named('work', 'home'), 'no server is named zz; there are work, home'],
    ['zz', named(), 'no server is named zz: "sluice config set zz HOST:PORT" names one'],
    [
      'zz',
      named(...Array.from({ length: 12 }, (_, i) => `long-name-${i}`)),
      /there are long-name-0, .*long-name-9 and 2 more$/,
    ],
  ])('a name that there is not, %s, is answered with those that there are', (name, servers, message) => {
    expect(explainUnknownServer(name, servers)).toMatch(message);
  });
});

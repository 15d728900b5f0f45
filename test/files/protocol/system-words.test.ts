/** The system's errors in sentences: no call, no path, no capitals but the code. */
import {
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Doing, systemWords } from '../../../src/files/protocol/system-words.ts';
import { connectionFault } from '../../../src/transport/connection-fault.ts';
import { tempFolder } from '../../support/stores/temp-folder.ts';

function thrownBy(what: () => unknown): unknown {
  try {
    what();
  } catch (thrown) {
    return thrown;
  }
  return expect.unreachable('it went well');
}

/** A folder with a file, a folder that is not empty, and a link that leads to itself. */
function made() {
  const folder = tempFolder();
  const at = (name: string) => join(folder, name);
  writeFileSync(at('file'), 'x');
  mkdirSync(at('folder/full'), { recursive: true });
  symlinkSync('loop', at('loop'));
  return at;
}

describe('the sentence for a system error of a file', () => {
  test.each<[string, Doing, (at: (name: string) => string) => unknown, string]>([
    [
      'a folder has the name',
      'write',
      (at) => renameSync(at('file'), at('folder')),
      'there is a folder of that name (EISDIR)',
    ],
    ['a folder is read', 'read', (at) => readFileSync(at('folder')), 'it is a folder (EISDIR)'],
    ['nothing is there', 'read', (at) => openSync(at('none'), 'r'), 'there is no such file (ENOENT)'],
    [
      'a file is on the way',
      'write',
      (at) => openSync(at('file/x'), 'w'),
      'a part of its path is no folder (ENOTDIR)',
    ],
    [
      'a file has the name',
      'write',
      (at) => mkdirSync(at('file')),
      'there is something of that name already (EEXIST)',
    ],
    [
      'a file is listed',
      'read',
      (at) => readdirSync(at('file')),
      'a part of its path is no folder (ENOTDIR)',
    ],
    [
      'a link leads nowhere',
      'read',
      (at) => openSync(at('loop'), 'r'),
      'its symbolic links lead in a circle (ELOOP)',
    ],
    [
      'a name is too long',
      'write',
      (at) => openSync(at('x'.repeat(300)), 'w'),
      'its name is too long for the file system (ENAMETOOLONG)',
    ],
    [
      'a folder is full',
      'write',
      (at) => rmdirSync(at('folder')),
      'there is a folder of that name, with something in it (ENOTEMPTY)',
    ],
    ['a disk is full', 'write', () => writeFileSync('/dev/full', 'x'), 'the disk is full (ENOSPC)'],
  ])('the system error where %s becomes a sentence', (_, doing, what, sentence) => {
    const at = made();
    expect(
      systemWords(
        thrownBy(() => what(at)),
        doing,
      ),
    ).toBe(sentence);
  });

  test('a sentence exists for every code, with the code, and without the call and the paths', () => {
    for (const [code, text] of getSystemErrorMap().values()) {
      const message = `${code}: ${text}, rename '/tmp/.sluice-1f.part' -> '/tmp/it'`;
      const error = Object.assign(new Error(message), { code, syscall: 'rename' });
      for (const doing of ['read', 'write'] as const) {
        const words = systemWords(error, doing);
        expect(words).toMatch(new RegExp(`^[a-z][^/']+ \\(${code}\\)$`));
        expect(words).not.toContain('rename');
      }
    }
  });

  test('the sentence for a system error of a file is the message of an error that is no system error', () => {
    expect(systemWords(new Error('it changed while it was being sent'), 'read')).toBe(
      'it changed while it was being sent',
    );
    expect(systemWords('odd', 'read')).toBe('odd');
  });
});

describe('the sentence for a system error of a connection', () => {
  const failure = (path: string) => new Promise<Error>((resolve) => connect({ path }).on('error', resolve));

  test('the sentence for a system error of a connection has no path, since the caller names it', async () => {
    const at = made();
    for (const name of ['file', 'file/x', 'none', 'x'.repeat(90)]) {
      const { message } = connectionFault(await failure(at(name)));
      expect(message).toMatch(/^[a-z][^/']+ \([A-Z]+\)$/);
    }
  });

  test('a sentence distinguishes an unknown host from a name that could not be looked up', () => {
    const lookup = (code: string) =>
      Object.assign(new Error(`getaddrinfo ${code} it.example`), { code, syscall: 'getaddrinfo' });
    expect(connectionFault(lookup('ENOTFOUND'))).toEqual({
      code: 'unknown-host',
      message: 'there is no host of that name (ENOTFOUND)',
    });
    expect(connectionFault(lookup('EAI_AGAIN'))).toEqual({
      code: 'no-resolver',
      message: 'the host name could not be looked up (EAI_AGAIN)',
    });
  });

  test('the sentence for a system error of a connection is that of the first address where several were tried', () => {
    const one = Object.assign(new Error('connect EDQUOT 127.0.0.1:1'), {
      code: 'EDQUOT',
      syscall: 'connect',
    });
    expect(connectionFault(new AggregateError([one, new Error('other')])).message).toContain('(EDQUOT)');
  });

  test('a sentence exists for errors of listening too', async () => {
    const server = createServer();
    const error = await new Promise((resolve) =>
      server.on('error', resolve).listen(join(tempFolder(), 'no/s')),
    );
    expect(systemWords(error, 'write')).toMatch(/^[a-z][^/']+ \([A-Z]+\)$/);
  });
});

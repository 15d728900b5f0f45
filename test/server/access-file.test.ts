import { createHash } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { type AccessFile, openAccessFile } from '../../src/server/access-file.ts';
import { readAccessRules } from '../../src/server/access-rules.ts';
import { tempFolder } from '../support/temp-folder.ts';

const token = (name: string): string => `${name}-0123456789abcdef`;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const good = {
  tokens: [
    { name: 'alice', token: token('alice'), rights: ['read', 'write', 'delete'] },
    { name: 'ci', sha256: sha256(token('ci')), rights: ['write'], prefix: 'builds/', quota: 1000 },
  ],
  certificates: [
    { name: 'bob', commonName: 'bob', rights: ['read'] },
    { name: 'boss', subject: 'O=Acme,CN=bob', rights: ['read', 'delete'], prefix: 'acme' },
  ],
};

const alice = { name: 'alice', rights: ['read', 'write', 'delete'], prefix: '' };
const ci = { name: 'ci', rights: ['write'], prefix: 'builds/' };

function written(content: unknown, path = `${tempFolder()}/access.json`, mode = 0o600): string {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(path, mode);
  return path;
}

function opened(path: string): AccessFile {
  const file = openAccessFile(path);
  return file.ok ? file.value : expect.unreachable(file.message);
}

/** What is wrong with a file. */
function whyNot(content: unknown): string {
  const read = readAccessRules(typeof content === 'string' ? content : JSON.stringify(content));
  return read.ok ? expect.unreachable('it is right') : read.message;
}

describe('an access file', () => {
  test('gives each token its principal, and no other text one', () => {
    const { access } = opened(written(good));
    expect(access.byToken(token('alice'))).toEqual(alice);
    expect(access.byToken(token('ci'))).toEqual(ci);
    for (const other of ['', token('alice').slice(1), `${token('alice')} `, sha256(token('ci')), 'alice']) {
      expect(access.byToken(other)).toBeNull();
    }
  });

  test('knows a certificate by its subject before its common name', () => {
    const { access } = opened(written(good));
    const first = (subject: string, commonName: string | null) => access.first({ subject, commonName });
    expect(first('O=Other,CN=bob', 'bob')).toMatchObject({ name: 'bob', rights: ['read'] });
    expect(first('O=Acme,CN=bob', 'bob')).toMatchObject({ name: 'boss', prefix: 'acme' });
    expect(first('CN=eve', 'eve')).toBeNull();
    expect(first('O=Acme', null)).toBeNull();
  });

  test('lets nobody in who has shown nothing, unless it says so', () => {
    expect(opened(written(good)).access.first(undefined)).toBeNull();
    const open = { ...good, anybody: { rights: ['read'], prefix: 'public/' } };
    const anybody = { name: '', rights: ['read'], prefix: 'public/' };
    const { access } = opened(written(open));
    expect(access.first(undefined)).toEqual(anybody);
    expect(access.first({ subject: 'CN=eve', commonName: 'eve' })).toEqual(anybody);
    expect(access.first({ subject: 'CN=bob', commonName: 'bob' })).toMatchObject({ name: 'bob' });
  });

  test('without any entry lets nobody in', () => {
    const { access } = opened(written({}));
    expect([access.first(undefined), access.byToken('')]).toEqual([null, null]);
  });

  test('tells the quotas', () => {
    expect(opened(written(good)).quotas()).toEqual([{ prefix: 'builds/', bytes: 1000 }]);
  });

  test.each([
    [0o600, 0],
    [0o400, 0],
    [0o640, 1],
    [0o604, 1],
    [0o620, 1],
  ])('warns when others can read it: mode %o', (mode, warnings) => {
    expect(opened(written(good, undefined, mode)).warnings()).toHaveLength(warnings);
  });

  test('keeps no token in what it holds', () => {
    const read = readAccessRules(JSON.stringify(good));
    expect(JSON.stringify(read)).not.toContain('0123456789abcdef"');
    expect(JSON.stringify(read)).toContain('alice');
  });
});

describe('reading it again', () => {
  test('brings the new rules, and says so', () => {
    const path = written(good);
    const { access, reload, quotas, warnings } = opened(path);
    let changes = 0;
    access.changed$.subscribe(() => changes++);
    const { certificates } = good;
    written(
      { tokens: [{ name: 'alice', token: token('new'), rights: ['read'], prefix: 'a/' }], certificates },
      path,
      0o644,
    );
    expect(reload()).toEqual({ ok: true, value: undefined });
    expect(changes).toBe(1);
    expect(access.byToken(token('alice'))).toBeNull();
    expect(access.byToken(token('new'))).toEqual({ name: 'alice', rights: ['read'], prefix: 'a/' });
    expect(quotas()).toEqual([]);
    expect(warnings()).toHaveLength(1);
  });

  test('tells what has become of a principal', () => {
    const path = written({ ...good, anybody: { rights: ['read'] } });
    const { access, reload } = opened(path);
    const anybody = access.first(undefined)!;
    const bob = access.first({ subject: 'CN=bob', commonName: 'bob' })!;
    expect([access.now(ci as never), access.now(anybody)]).toEqual([ci, anybody]);
    written({ tokens: [{ ...good.tokens[1], rights: ['read'] }] }, path);
    reload();
    expect(access.now(ci as never)).toEqual({ ...ci, rights: ['read'] });
    expect([access.now(bob), access.now(anybody), access.now(alice as never)]).toEqual([null, null, null]);
  });

  test('keeps the old rules when the new file is bad', () => {
    const path = written(good);
    const { access, reload } = opened(path);
    access.changed$.subscribe(() => expect.unreachable());
    written({ tokens: [{ ...good.tokens[0], rights: ['fly'] }] }, path);
    expect(reload()).toEqual({
      ok: false,
      message: `${path}: tokens[0].rights[0]: must be read, write or delete`,
    });
    expect(access.byToken(token('alice'))).toEqual(alice);
  });
});

describe('a file that is wrong', () => {
  const one = (fields: object) => ({ tokens: [{ ...good.tokens[0], ...fields }] });
  const certificate = (fields: object) => ({ certificates: [{ ...good.certificates[0], ...fields }] });

  test.each<[string, unknown]>([
    ['it is not JSON: see line 2', '{\n"tokens" []}'],
    ['it is not JSON', ''],
    ['must be an object', []],
    ["there is no such field 'token': there may be tokens, certificates, anybody", { token: [] }],
    ['tokens: must be a list', { tokens: {} }],
    ['tokens[0]: must be an object', { tokens: ['x'] }],
    ["tokens[0]: there is no such field 'right': there may be", one({ right: [] })],
    ["tokens[0]: there is no such field '__proto__'", '{"tokens":[{"__proto__":{"name":"x"}}]}'],
    ['tokens[0].name: must be 1 to 64 of', one({ name: 'a b' })],
    ['tokens[0].name: must be 1 to 64 of', one({ name: '' })],
    ['tokens[0].name: must be 1 to 64 of', one({ name: undefined })],
    [
      'tokens[0].token: must be at least 16 characters: a shorter one can be guessed',
      one({ token: 'x'.repeat(15) }),
    ],
    ['tokens[0].token: must be at most 1024 characters', one({ token: 'x'.repeat(1025) })],
    ['tokens[0].token: must be a string', one({ token: 1234567890123456 })],
    ['tokens[0]: must have either token or sha256', one({ sha256: sha256('x') })],
    ['tokens[0]: must have either token or sha256', one({ token: undefined })],
    ["tokens[0].sha256: must be the token's SHA-256", one({ token: undefined, sha256: 'abc' })],
    ['tokens[0].rights: is missing', one({ rights: undefined })],
    ['tokens[0].rights: must be a list', one({ rights: 'read' })],
    ['tokens[0].rights[1]: must be read, write or delete', one({ rights: ['read', 'READ'] })],
    ['tokens[0].prefix: is empty: leave it out', one({ prefix: '' })],
    ['tokens[0].prefix: is not how a file name can begin', one({ prefix: '../x' })],
    ['tokens[0].prefix: is not how a file name can begin', one({ prefix: '/' })],
    ['tokens[0].prefix: is not how a file name can begin', one({ prefix: 'a//' })],
    ['tokens[0].prefix: is not how a file name can begin', one({ prefix: 7 })],
    ['tokens[0].prefix: is not how a file name can begin', one({ prefix: '.sluice/' })],
    ['tokens[0].quota: must be a whole number of bytes', one({ prefix: 'a/', quota: 1.5 })],
    ['tokens[0].quota: must be a whole number of bytes', one({ prefix: 'a/', quota: -1 })],
    ['tokens[0].quota: needs a prefix', one({ quota: 1 })],
    [
      'tokens[1].quota: must be the same for all that share a prefix',
      {
        tokens: [
          { ...good.tokens[0], prefix: 'a/', quota: 1 },
          { ...good.tokens[1], prefix: 'a/', quota: 2 },
        ],
      },
    ],
    [
      'tokens[1]: must be another than that of tokens[0]',
      {
        tokens: [good.tokens[0], { ...good.tokens[1], sha256: sha256(token('alice')) }],
      },
    ],
    [
      'certificates[0].name: must be another than that of tokens[0].name',
      {
        ...one({}),
        ...certificate({ name: 'alice' }),
      },
    ],
    [
      'certificates[1]: must be another than that of certificates[0]',
      {
        certificates: [good.certificates[0], { ...good.certificates[0], name: 'other' }],
      },
    ],
    ['certificates[0]: must have either subject or commonName', certificate({ subject: 'CN=x' })],
    ['certificates[0].commonName: must be a string, and not empty', certificate({ commonName: '' })],
    ["anybody: there is no such field 'name'", { anybody: { name: 'x', rights: [] } }],
    ['anybody.rights: is missing', { anybody: {} }],
  ])('is refused: %s', (message, content) => {
    expect(whyNot(content)).toContain(message);
  });

  test.each([
    ['is missing', () => `${tempFolder()}/none`, 'it cannot be read: ENOENT'],
    ['is a folder', () => tempFolder(), 'it is not a file'],
    ['is huge', () => written(' '.repeat(1024 * 1024 + 1)), 'it is larger than 1048576 bytes'],
  ])('is refused when it %s', (_, path, why) => {
    expect(openAccessFile(path())).toEqual({ ok: false, message: expect.stringContaining(why) });
  });

  property.prop([fc.string(), fc.nat(200)])(
    'never gets a token of it quoted, however it is broken',
    (junk, at) => {
      const secret = 'Zs3cretZs3cretZs3cret';
      const text = JSON.stringify({
        tokens: [{ name: 'a', token: secret, rights: ['read'], [secret]: 1 }],
        [secret]: secret,
      });
      for (const broken of [text, text.slice(0, at), `${text.slice(0, at)}${junk}${text.slice(at)}`]) {
        const read = readAccessRules(broken);
        if (!read.ok) expect(read.message).not.toContain('s3cret');
      }
    },
  );
});

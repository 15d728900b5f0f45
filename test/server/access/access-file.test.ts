import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test as property } from '@fast-check/vitest';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { openAccessFile } from '../../../src/server/access/access-file.ts';
import { RULES_PER_TURN } from '../../../src/server/access/access-rules.ts';
import { LISTENERS_PER_TURN } from '../../../src/server/broadcast.ts';
import { cases } from '../../support/random/cases.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-access-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

function file(content: unknown): string {
  const path = join(folder, `${++made}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o600 });
  return path;
}

async function opened(content: unknown) {
  const path = file(content);
  const result = await openAccessFile(path);
  if (!result.ok) throw new Error(result.problems.join('\n'));
  return { path, ...result.value };
}

async function problems(content: unknown): Promise<string[]> {
  const result = await openAccessFile(file(content));
  return result.ok ? [] : result.problems.map((problem) => problem.replace(/^.*\.json: /, ''));
}

const secret = 'correct-horse-battery';
const alice = { name: 'alice', token: secret, rights: ['read', 'write'], prefix: 'alice/' };

describe('a token', () => {
  test('a token stands for its name, rights and prefix', async () => {
    const { access } = await opened({ tokens: [alice] });
    expect(access.byToken(secret)).toEqual({ name: 'alice', rights: ['read', 'write'], prefix: 'alice/' });
    expect(access.byToken(`${secret}!`)).toBeNull();
    expect(access.byToken('')).toBeNull();
    expect(access.initial(undefined)).toBeNull();
  });

  test('a token may be given as its SHA-256', async () => {
    const sha256 = createHash('sha256').update(secret).digest('hex');
    const { token: _, ...rest } = alice;
    const { access } = await opened({ tokens: [{ ...rest, sha256: sha256.toUpperCase() }] });
    expect(access.byToken(secret)).toMatchObject({ name: 'alice' });
    expect(access.byToken(sha256)).toBeNull();
  });
});

/** Rules for so many tokens, of which the last is `secret`. */
const many = (count: number) => ({
  tokens: Array.from({ length: count }, (_, i) => ({
    name: `user-${i}`,
    token: i === count - 1 ? secret : `${secret}-${i}`,
    rights: ['read'],
    prefix: `user-${i}/`,
    quota: 1000,
  })),
});

test('looking up a token costs the same with 10 and with 10,000 tokens', async () => {
  const timeFor = async (count: number) => {
    const { access } = await opened(many(count));
    let best = Number.POSITIVE_INFINITY;
    for (let run = 0; run < 20; run++) {
      const since = performance.now();
      for (const token of [secret, 'wrong-wrong-wrong-wrong']) access.byToken(token);
      best = Math.min(best, performance.now() - since);
    }
    return best;
  };
  const few = await timeFor(10);
  // To compare with each of them is a thousand times the work.
  expect(await timeFor(10_000)).toBeLessThan(50 * Math.max(few, 0.002));
});

describe('a SHA-256 of what is there when the token is not', () => {
  test.each([
    ['printf %s "$TOKEN"', '', 'nothing, as `printf %s "$TOKEN" | sha256sum` gives it when TOKEN is not set'],
    ['echo "$TOKEN"', '\n', 'an empty line, as `echo "$TOKEN" | sha256sum` gives it when TOKEN is not set'],
    ['echo of Windows', '\r\n', 'an empty line'],
    ["printf %s '$TOKEN'", '$TOKEN', 'the word $TOKEN, as single quotes'],
    ["echo '$TOKEN'", '$TOKEN\n', 'the word $TOKEN, as single quotes'],
    ['jq -r .token', 'null\n', 'the word null'],
    ['jq -j .token', 'null', 'the word null'],
    ['console.log(token)', 'undefined\n', 'the word undefined'],
    ['a template string', 'undefined', 'the word undefined'],
  ])(
    'the SHA-256 that %s gives without a token is refused, with how it comes about',
    async (_, text, how) => {
      const sha256 = createHash('sha256').update(text).digest('hex');
      for (const shown of [sha256, sha256.toUpperCase()]) {
        expect(await problems({ tokens: [{ name: 'admin', sha256: shown, rights: ['read'] }] })).toEqual([
          expect.stringMatching(/^tokens\[0\]\.sha256: is the SHA-256 of .*; anybody could say that/),
        ]);
        const [problem] = await problems({ tokens: [{ name: 'admin', sha256: shown, rights: ['read'] }] });
        expect(problem).toContain(how);
      }
    },
  );
});

describe('a key that is there twice', () => {
  test.each([
    [
      'among the fields of a token',
      '{"tokens": [{"name": "a",\n"rights": [],\n"rights": ["read"]}]}',
      'tokens[0].rights: is there twice, in lines 2 and 3',
    ],
    ['at the top', '{"tokens": [],\n"tokens": []}', 'tokens: is there twice, in lines 1 and 2'],
    [
      'and may be a token, which is not shown,',
      `{"tokens": [{"${secret}": 1,\n"${secret}": 2}]}`,
      'tokens[0]: has a field twice, in lines 1 and 2',
    ],
    [
      'below what may be a token, which is not shown either,',
      `{"${secret}": {"a": 1, "a": 2}}`,
      'the file: has a field twice, in lines 1 and 1',
    ],
  ])('a key that is there twice %s is refused', async (_, text, problem) => {
    expect(await problems(text)).toEqual([problem]);
  });
});

test('of very many problems the first are listed, and the number of the others', async () => {
  const told = await problems({ tokens: Array(1000).fill('x') });
  expect(told).toHaveLength(21);
  expect(told.at(-1)).toBe('and 980 more problems like these');
});

describe('a certificate', () => {
  const certificates = [
    { name: 'a', subject: 'O=Acme,CN=alice', rights: ['read'] },
    { name: 'b', commonName: 'bob', rights: ['write'] },
    { name: 'c', subject: 'O=Acme,CN=bob', rights: ['delete'] },
  ];
  test.each([
    [{ subject: 'O=Acme,CN=alice', commonName: 'alice' }, 'a'],
    [{ subject: 'O=Evil,CN=alice', commonName: 'alice' }, null],
    [{ subject: 'O=Any,CN=bob', commonName: 'bob' }, 'b'],
    [{ subject: 'O=Acme,CN=bob', commonName: 'bob' }, 'c'],
    [{ subject: 'CN=bob,CN=x', commonName: null }, null],
  ])('the certificate %o stands for the principal %s', async (certificate, name) => {
    const { access } = await opened({ certificates });
    expect(access.initial(certificate)?.name ?? null).toBe(name);
  });
});

test('peers without a token may be admitted with some rights', async () => {
  const { access } = await opened({ tokens: [alice], anybody: { rights: ['read'], prefix: 'public/' } });
  expect(access.initial(undefined)).toEqual({ name: '', rights: ['read'], prefix: 'public/' });
});

describe('read again', () => {
  test('after a reload the new rules apply, and the current state of a principal can be asked', async () => {
    const { access, path, reload, quotas } = await opened({ tokens: [alice] });
    const before = access.byToken(secret)!;
    let changes = 0;
    access.changed$.subscribe(() => changes++);
    const bob = { name: 'bob', token: 'another-long-secret', rights: ['delete'], quota: 5 };
    writeFileSync(path, JSON.stringify({ tokens: [{ ...alice, rights: ['read'] }, bob] }));
    expect(await reload()).toEqual([]);
    expect(changes).toBe(1);
    expect(access.current(before)).toMatchObject({ rights: ['read'] });
    expect(quotas()).toEqual([{ prefix: '', bytes: 5 }]);
    writeFileSync(path, JSON.stringify({ tokens: [bob] }));
    await reload();
    expect(access.current(before)).toBeNull();
    expect(access.byToken(secret)).toBeNull();
  });

  test('after a reload a replaced token is invalid, though its name stays', async () => {
    const { access, path, reload } = await opened({ tokens: [alice] });
    const before = access.byToken(secret)!;
    await reload();
    expect(access.current(before)).toMatchObject({ name: 'alice' });
    writeFileSync(path, JSON.stringify({ tokens: [{ ...alice, token: 'the-new-secret-of-alice' }] }));
    await reload();
    expect(access.current(before)).toBeNull();
    expect(access.byToken('the-new-secret-of-alice')).toMatchObject({ name: 'alice' });
  });

  test('reloads that overlap run one after the other, and the file that was written last applies', async () => {
    const { access, path, reload } = await opened({ tokens: [alice] });
    writeFileSync(path, JSON.stringify(many(4_000)));
    const given = vi.spyOn(globalThis, 'setImmediate');
    const large = reload();
    // It has read the file, and is at work on what was in it.
    while (given.mock.calls.length === 0) await new Promise((resolve) => setTimeout(resolve));
    given.mockRestore();
    writeFileSync(path, JSON.stringify({ tokens: [{ ...alice, token: 'the-new-secret-of-alice' }] }));
    await Promise.all([reload(), large]);
    expect(access.byToken('the-new-secret-of-alice')).toMatchObject({ name: 'alice' });
    expect(access.byToken(secret)).toBeNull();
  });

  test('a reload lets other work run meanwhile: more often, the more tokens there are', async () => {
    const turnsFor = async (count: number) => {
      const { reload } = await opened(many(count));
      const given = vi.spyOn(globalThis, 'setImmediate');
      await reload();
      const { length } = given.mock.calls;
      given.mockRestore();
      return length;
    };
    const few = await turnsFor(1_000);
    expect(few).toBeGreaterThan((2 * 1_000) / RULES_PER_TURN);
    expect(await turnsFor(4_000)).toBeGreaterThan(3 * few);
  });

  test('a reload notifies every subscriber once, some in each turn, and not those that left', async () => {
    const { access, reload } = await opened({ tokens: [alice] });
    const listeners = 3 * LISTENERS_PER_TURN + 1;
    let told = 0;
    let most = 0;
    let inTurn = 0;
    const subscriptions = Array.from({ length: listeners }, () =>
      access.changed$.subscribe(() => {
        told++;
        inTurn++;
        most = Math.max(most, inTurn);
        if (inTurn === 1) setImmediate(() => (inTurn = 0));
        // The last one leaves while the others are told.
        subscriptions.at(-1)!.unsubscribe();
      }),
    );
    await reload();
    expect(told).toBe(listeners - 1);
    expect(most).toBeLessThanOrEqual(LISTENERS_PER_TURN);
    for (const each of subscriptions) each.unsubscribe();
  });

  test('the list of quotas is the same object until a reload', async () => {
    const { quotas, reload } = await opened(many(2));
    expect(quotas()).toBe(quotas());
    const before = quotas();
    await reload();
    expect(quotas()).not.toBe(before);
    expect(quotas()).toEqual(before);
  });

  test('a reload of wrong rules changes nothing', async () => {
    const { access, path, reload } = await opened({ tokens: [alice] });
    writeFileSync(path, '{');
    expect(await reload()).toEqual([`${path}: it is not JSON: line 1, column 2: the text ends too early`]);
    rmSync(path);
    expect((await reload())[0]).toContain('ENOENT');
    expect(access.byToken(secret)).not.toBeNull();
  });
});

describe('what is wrong is told with its place', () => {
  const with1 = (change: object) => ({ tokens: [{ ...alice, ...change }] });
  test.each([
    [[], ['the file: must be an object']],
    [{ token: [] }, ['the file.token: is not known; there are tokens, certificates, anybody']],
    [{ tokens: {} }, ['tokens: must be a list']],
    [{ tokens: ['x'] }, ['tokens[0]: must be an object']],
    [with1({ name: 'a b' }), ['tokens[0].name: must be 1 to 64 of the characters A-Z a-z 0-9 _ -']],
    [with1({ rights: ['read', 'admin'] }), ['tokens[0].rights[1]: must be read, write, delete or observe']],
    [
      with1({ rights: undefined }),
      ['tokens[0].rights: is missing: a list of read, write, delete and observe'],
    ],
    [with1({ prefix: '../' }), ["tokens[0].prefix: cannot begin a file name: it has a segment '.' or '..'"]],
    [with1({ prefix: 7 }), ['tokens[0].prefix: cannot begin a file name: it is not a string']],
    [with1({ quota: -1 }), ['tokens[0].quota: must be a whole number of bytes']],
    [with1({ token: undefined }), ["tokens[0]: must have either 'token' or 'sha256', the SHA-256 of one"]],
    [with1({ sha256: 'x' }), ["tokens[0]: must have either 'token' or 'sha256', the SHA-256 of one"]],
    [with1({ token: undefined, sha256: 'x' }), ['tokens[0].sha256: must be 64 hexadecimal digits']],
    [{ tokens: [alice, { ...alice, name: 'eve' }] }, ["tokens: 'alice' and 'eve' have the same token"]],
    [
      { tokens: [alice], certificates: [{ name: 'alice', commonName: 'x', rights: [] }] },
      ["the file: has the name 'alice' twice: names keep uploads apart"],
    ],
    [
      { tokens: [{ ...alice, [secret]: 1 }] },
      ['tokens[0]: has a field that is not known; there are name, rights, prefix, quota, token, sha256'],
    ],
    // As long as the shortest token, or one shorter.
    [
      { tokens: [{ ...alice, abcdefghijklmnop: 1, abcdefghijklmno: 1 }] },
      [
        'tokens[0]: has a field that is not known; there are name, rights, prefix, quota, token, sha256',
        'tokens[0].abcdefghijklmno: is not known; there are name, rights, prefix, quota, token, sha256',
      ],
    ],
    [
      { certificates: ['a', 'b'].map((name) => ({ name, commonName: 'x', rights: [] })) },
      ['certificates: have the same subject or common name twice'],
    ],
    [
      {
        tokens: [
          { ...alice, quota: 1 },
          { ...alice, name: 'eve', token: `${secret}!`, quota: 2 },
        ],
      },
      ["the file: has another quota for 'eve' than for others of its prefix"],
    ],
  ])('the rules %o are refused with the place of each mistake', async (content, wanted) => {
    expect(await problems(content)).toEqual(wanted);
  });

  test('a message about wrong rules never contains a token', async () => {
    const short = 'hunter2';
    const told = await problems(with1({ token: short }));
    expect(told).toEqual(['tokens[0].token: must have 16 to 1024 characters: a shorter one can be guessed']);
    expect((await problems(`{"tokens": [{"token": "${secret}"`)).join()).not.toContain(secret);
  });
});

property.prop([fc.string(), fc.nat(200)], { numRuns: cases(100) })(
  'a message never contains a token, however the file is broken',
  async (junk, at) => {
    const text = JSON.stringify({ tokens: [{ ...alice, [secret]: 1 }], [secret]: secret });
    for (const broken of [text.slice(0, at), `${text.slice(0, at)}${junk}${text.slice(at)}`]) {
      expect((await problems(broken)).join()).not.toContain(secret.slice(0, 10));
    }
  },
);

test('a path that is not a file, or a huge file, is refused without waiting', async () => {
  const pipe = join(folder, 'pipe');
  spawnSync('mkfifo', [pipe]);
  expect(await openAccessFile(pipe)).toEqual({ ok: false, problems: [`${pipe}: it is not a file`] });
  const huge = file(' '.repeat(8 * 1024 * 1024 + 1));
  expect(await openAccessFile(huge)).toEqual({
    ok: false,
    problems: [`${huge}: it is larger than 8388608 bytes`],
  });
});

test('a file that other users can read causes a warning', async () => {
  const path = file({ tokens: [] });
  const read = await openAccessFile(path);
  if (!read.ok) throw new Error(read.problems.join());
  expect(read.value.warnings).toEqual([]);
  chmodSync(path, 0o644);
  await read.value.reload();
  expect(read.value.warnings).toEqual([
    `${path} can be read by other users of this machine: chmod 600 ${path}`,
  ]);
});

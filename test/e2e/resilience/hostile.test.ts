/**
 * What a hostile peer can say, and what can be planted in the tree, against a server process: each gets the right error,
 * nothing beside the root is touched, and the next request is served.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type ErrorCode, isFatal } from '../../../src/files/protocol/errors.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { converse, frame, outcomes, putFrame, rawFrame } from '../../support/network/peer.ts';
import { endAll, main, shareServe, start } from '../../support/processes/cli.ts';
import { cases } from '../../support/random/cases.ts';
import { newRoot, removeRoot, temporariesIn } from '../../support/stores/store-roots.ts';
import { walledRoot, wallIn } from '../../support/stores/walled-root.ts';

afterEach(endAll);

const isRoot = process.getuid?.() === 0;
const body = 'evil';
const ping = frame({ cmd: 'ping' });

/** What broke off is answered first, and cleaned up then. */
const nothingUnfinished = (root: string) => expect.poll(() => temporariesIn(root)).toEqual([]);

const base = newRoot();
const wall = wallIn(base);
const share = shareServe(wall.root, ['--durability', 'fsync']);
afterAll(() => removeRoot(base));

/** The one server, whose root is empty again. */
function served() {
  const { port, child } = share();
  return { ...wall, port, child };
}

/** Every request that takes a name, with this one; `rename` from it and to it. */
const requestsWith = (name: string): readonly [JsonHeader, (string | undefined)?][] => [
  [{ cmd: 'put', filename: name, filesize: body.length }, body],
  [{ cmd: 'put', filename: name, filesize: body.length, ifAbsent: true, upload: 'u' }, body],
  [{ cmd: 'get', filename: name }],
  [{ cmd: 'stat', filename: name }],
  [{ cmd: 'rename', filename: name, to: 'renamed' }],
  [{ cmd: 'rename', filename: 'there', to: name }],
  [{ cmd: 'delete', filename: name }],
];

const framesWith = (name: string): Uint8Array[] =>
  requestsWith(name).map(([header, content]) => frame({ ...header, id: 1 }, content));

/** Ways to say a place outside the root, or one that is the store's own. */
const refusedNames: readonly string[] = [
  '',
  '.',
  '..',
  './x',
  '../x',
  '../../../../../../../../etc/passwd',
  'a/../x',
  'a/../../x',
  'a/..',
  'a/.',
  'there/../../x',
  '/x',
  '/etc/passwd',
  '//x',
  '///',
  '/',
  'a//x',
  'a/',
  '\\x',
  '..\\x',
  '..\\..\\x',
  'a\\..\\..\\x',
  '\\\\server\\share\\x',
  '//server/share/x',
  '\\\\?\\C:\\x',
  '\\\\.\\PhysicalDrive0',
  'C:',
  'C:x',
  'C:/x',
  'C:\\x',
  'c:../x',
  'z:',
  '../x\0.txt',
  'x\0',
  '\0',
  'x\n',
  'x\r\ny',
  '\tx',
  '\u001b[2Jx',
  'x\u007f',
  'x\u0085',
  '\ud800',
  'x\udfff/y',
  '\udc00\ud800',
  '.sluice',
  '.sluice/',
  '.sluice/x',
  '.sluice/tmp/x',
  '.SLUICE/x',
  '.Sluice',
  '.sLuIcE/tmp/1',
  '．sluice/x',
  '․sluice/x',
  '.ｓｌｕｉｃｅ/x',
  '.ſluice/x',
  '.sluⅰce',
  `${'../'.repeat(300)}x`,
  `${'a/'.repeat(600)}x`,
  'x'.repeat(256),
  'é'.repeat(128),
  `a/${'x'.repeat(256)}/b`,
  '💥'.repeat(64),
  'x'.repeat(60_000),
];

/** What looks like one of those but is a name like any other: a file in the root, called just so. */
const literalNames: readonly string[] = [
  '...',
  '.. ',
  ' ..',
  '.. /x',
  '..../x',
  '%2e%2e/x',
  '%2e%2e%2fx',
  '..%2fx',
  '%252e%252e%252fx',
  '..%5cx',
  '..;/x',
  '%00',
  '．．/x',
  '‥/x',
  '․․/x',
  '..∕x',
  '..／x',
  '..⁄x',
  '\u200b../x',
  '..\u200d/x',
  '\u202egnp.x',
  '\ufeff../x',
  '~',
  '~root/x',
  '$HOME/x',
  '`id`',
  '-rf',
  '*',
  '.sluicer/x',
  'a/.sluice/x',
  'x.',
  'x ',
  ' x',
  'CON',
  'nul',
  'aux.txt',
  'COM1/x',
  'file::$DATA',
  'constructor',
  '__proto__',
  'toString/x',
  'x'.repeat(255),
  `${'a/'.repeat(511)}x`,
  'é',
  'e\u0301',
];

describe('names', () => {
  test('names that lead out of the root, or to what is the store’s own, are refused by every command', async () => {
    const { port, beside, inside, root } = served();
    await converse(port, putFrame('there', 'T'));
    const before = beside();
    for (const name of refusedNames) {
      const replies = await converse(port, ...framesWith(name), ping);
      const refused = requestsWith(name).map(() => 'bad-filename');
      expect(outcomes(replies), JSON.stringify(name).slice(0, 80)).toEqual([...refused, 'ping']);
      expect(replies[5]).toMatchObject({ error: { field: 'to' } });
    }
    expect(inside()).toEqual(['there']);
    await nothingUnfinished(root);
    expect(beside()).toEqual(before);
  });

  test('names that only look as if they led out of the root are names of files in the root', async () => {
    const { port, beside, inside, root } = served();
    const before = beside();
    for (const name of literalNames) {
      const said = [putFrame(name, body, { id: 1 }), frame({ cmd: 'get', filename: name })];
      expect(outcomes(await converse(port, ...said)), name.slice(0, 80)).toEqual(['put', 'get']);
      expect(inside()).toEqual([name]);
      expect(readFileSync(join(root, name), 'utf8')).toBe(body);
      const moved = [frame({ cmd: 'rename', filename: name, to: 'moved', id: 1 }), frame({ cmd: 'list' })];
      const replies = await converse(port, ...moved, frame({ cmd: 'delete', filename: 'moved' }));
      expect(outcomes(replies)).toEqual(['rename', 'list', 'delete']);
      expect(replies[1]?.files).toEqual([expect.objectContaining({ name: 'moved' })]);
      // The folders it needed are left; here they would be in the way of the next name.
      for (const folder of readdirSync(root))
        if (folder !== '.sluice') rmSync(join(root, folder), { recursive: true });
    }
    await nothingUnfinished(root);
    expect(beside()).toEqual(before);
  });

  test('a listing bounded by names that lead out of the root shows what is in the root, or nothing', async () => {
    const { port, beside } = served();
    await converse(port, putFrame('a', 'x'), putFrame('b/c', 'x'), putFrame('z', 'x', { id: 1 }));
    const before = beside();
    const visible = ['a', 'b/c', 'z'];
    for (const name of [...refusedNames, ...literalNames]) {
      // No header has room for two of these.
      if (name.length > 20_000) continue;
      const asked = [{ prefix: name }, { after: name }, { prefix: name, after: name, limit: 1 }];
      const replies = await converse(port, ...asked.map((bounds) => frame({ cmd: 'list', ...bounds })));
      expect(replies.length).toBe(asked.length);
      for (const { ack, files, next } of replies as {
        ack: string;
        files: { name: string }[];
        next?: string;
      }[]) {
        expect(ack).toBe('list');
        expect(visible).toEqual(expect.arrayContaining(files.map((file) => file.name)));
        if (next !== undefined) expect(visible).toContain(next);
      }
      const withPrefix = replies[0]?.files as { name: string }[];
      expect(withPrefix.every((file) => file.name.startsWith(name))).toBe(true);
    }
    expect(beside()).toEqual(before);
  });
});

/** JSON as it may be sent, and what comes of it. What is no code of an error is the command acknowledged. */
const putOf = (json: string) => rawFrame(json, body);
const sayings: readonly [string, Uint8Array, string][] = [
  // Of duplicate keys the last counts, and is what is checked.
  [
    'a second, wicked name',
    putOf('{"cmd":"put","filename":"a","filename":"../x","filesize":4}'),
    'bad-filename',
  ],
  [
    'a wicked name, then another',
    putOf('{"cmd":"put","filename":"../x","filename":"a","filesize":4}'),
    'put',
  ],
  ['a second command', rawFrame('{"cmd":"put","cmd":"ping"}'), 'ping'],
  ['a second size', putOf('{"cmd":"put","filename":"a","filesize":1e9,"filesize":4}'), 'put'],
  ['an escaped ..', putOf('{"cmd":"put","filename":"\\u002e\\u002e/x","filesize":4}'), 'bad-filename'],
  ['an escaped slash', putOf('{"cmd":"put","filename":"..\\/x","filesize":4}'), 'bad-filename'],
  ['an escaped NUL', putOf('{"cmd":"put","filename":"a\\u0000","filesize":4}'), 'bad-filename'],
  ['an escaped key', putOf('{"cmd":"put","file\\u006eame":"../x","filesize":4}'), 'bad-filename'],
  [
    'half a surrogate pair, escaped',
    putOf('{"cmd":"put","filename":"\\ud800","filesize":4}'),
    'bad-filename',
  ],
  ['half a surrogate pair as id', rawFrame('{"cmd":"ping","id":"\\udead"}'), 'ping'],
  ['fields of __proto__', putOf('{"cmd":"put","__proto__":{"filename":"a"},"filesize":4}'), 'bad-request'],
  ['a command of __proto__', rawFrame('{"__proto__":{"cmd":"ping"}}'), 'unknown-command'],
  ['__proto__ as id', rawFrame('{"cmd":"ping","__proto__":{"id":5},"constructor":{"prototype":1}}'), 'ping'],
  [
    '__proto__ with a size',
    putOf('{"cmd":"nonsense","__proto__":{"filesize":99},"filesize":4}'),
    'unknown-command',
  ],
  ['the command __proto__', rawFrame('{"cmd":"__proto__"}'), 'unknown-command'],
  ['the command constructor', rawFrame('{"cmd":"constructor"}'), 'unknown-command'],
  ['the command toString', rawFrame('{"cmd":"toString"}'), 'unknown-command'],
  ['the command hasOwnProperty', putOf('{"cmd":"hasOwnProperty","filesize":4}'), 'unknown-command'],
  ['no command', rawFrame('{}'), 'unknown-command'],
  ['a command that is a list', rawFrame('{"cmd":["ping"]}'), 'unknown-command'],
  ['a command that is null', rawFrame('{"cmd":null}'), 'unknown-command'],
  ['a name that is a list', rawFrame('{"cmd":"stat","filename":["a"]}'), 'bad-request'],
  [
    'a name that is an object',
    rawFrame('{"cmd":"stat","filename":{"toString":"a","length":1}}'),
    'bad-request',
  ],
  ['a name that is a number', rawFrame('{"cmd":"get","filename":1e999}'), 'bad-request'],
  ['fields nobody knows', rawFrame('{"cmd":"ping","a":[1,{"b":null}],"length":-1}'), 'ping'],
  ['lists 30,000 deep', rawFrame(`{"cmd":"ping","x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`), 'ping'],
  ['objects 9,000 deep', rawFrame(`{"cmd":"ping","x":${'{"a":'.repeat(9000)}1${'}'.repeat(9000)}}`), 'ping'],
  [
    'an id 30,000 deep',
    rawFrame(`{"cmd":"ping","id":${'['.repeat(30_000)}${']'.repeat(30_000)}}`),
    'bad-request',
  ],
  ['a list 60,000 deep without an end', rawFrame('['.repeat(60_000)), 'bad-header'],
  [
    'many keys',
    rawFrame(`{${Array.from({ length: 6000 }, (_, i) => `"k${i}":1`).join()},"cmd":"ping"}`),
    'ping',
  ],
  ['an id too long', rawFrame(`{"cmd":"ping","id":"${'x'.repeat(257)}"}`), 'bad-request'],
  ['an id past every number', rawFrame('{"cmd":"ping","id":1e400}'), 'bad-request'],
  ['a size past every number', putOf('{"cmd":"put","filename":"a","filesize":1e400}'), 'bad-body-length'],
  [
    'a size just past the whole ones',
    putOf('{"cmd":"put","filename":"a","filesize":9007199254740992}'),
    'bad-body-length',
  ],
  ['a size below 0', putOf('{"cmd":"put","filename":"a","filesize":-1}'), 'bad-body-length'],
  ['a size that is no whole number', putOf('{"cmd":"put","filename":"a","filesize":0.5}'), 'bad-body-length'],
  ['a size in quotes', putOf('{"cmd":"put","filename":"a","filesize":"4"}'), 'bad-body-length'],
  ['a size of null', putOf('{"cmd":"put","filename":"a","filesize":null}'), 'bad-body-length'],
  ['no size', putOf('{"cmd":"put","filename":"a"}'), 'bad-body-length'],
  ['an unknown command with a size below 0', putOf('{"cmd":"nonsense","filesize":-4}'), 'bad-body-length'],
  ['a size as 4e0', putOf('{"cmd":"put","filename":"a","filesize":4e0}'), 'put'],
  ['a size of -0', rawFrame('{"cmd":"put","filename":"a","filesize":-0}'), 'put'],
  ['an offset below 0', putOf('{"cmd":"put","filename":"a","filesize":4,"offset":-1}'), 'bad-body-length'],
  [
    'an offset past the size',
    putOf('{"cmd":"put","filename":"a","filesize":4,"offset":5}'),
    'bad-body-length',
  ],
  [
    'an offset past every number',
    putOf('{"cmd":"put","filename":"a","filesize":4,"offset":1e400}'),
    'bad-body-length',
  ],
  [
    'an offset the server has not',
    rawFrame('{"cmd":"put","filename":"a","filesize":4,"offset":4}'),
    'bad-offset',
  ],
  [
    'an upload that is a path',
    putOf('{"cmd":"put","filename":"a","filesize":4,"upload":"../x"}'),
    'bad-request',
  ],
  ['an upload of nothing', putOf('{"cmd":"put","filename":"a","filesize":4,"upload":""}'), 'bad-request'],
  [
    'an upload too long',
    putOf(`{"cmd":"put","filename":"a","filesize":4,"upload":"${'u'.repeat(65)}"}`),
    'bad-request',
  ],
  [
    'an upload with a line break behind',
    putOf('{"cmd":"put","filename":"a","filesize":4,"upload":"u\\n"}'),
    'bad-request',
  ],
  ['a CRC-32 below 0', putOf('{"cmd":"put","filename":"a","filesize":4,"crc32":-1}'), 'bad-request'],
  [
    'a CRC-32 past 32 bits',
    putOf('{"cmd":"put","filename":"a","filesize":4,"crc32":4294967296}'),
    'bad-request',
  ],
  [
    'a SHA-256 of 63 digits',
    putOf(`{"cmd":"put","filename":"a","filesize":4,"sha256":"${'0'.repeat(63)}"}`),
    'bad-request',
  ],
  [
    'a time past every number',
    putOf('{"cmd":"put","filename":"a","filesize":4,"mtime":1e400}'),
    'bad-request',
  ],
  ['a progress of 0', putOf('{"cmd":"put","filename":"a","filesize":4,"progress":0}'), 'bad-request'],
  ['ifAbsent as a number', putOf('{"cmd":"put","filename":"a","filesize":4,"ifAbsent":1}'), 'bad-request'],
  ['a limit of 0', rawFrame('{"cmd":"list","limit":0}'), 'bad-request'],
  ['a limit past every number', rawFrame('{"cmd":"list","limit":1e400}'), 'bad-request'],
  ['a prefix that is a list', rawFrame('{"cmd":"list","prefix":[]}'), 'bad-request'],
  ['resume of a path', rawFrame('{"cmd":"resume","upload":"../../x"}'), 'bad-request'],
  ['cancel of a path', rawFrame('{"cmd":"cancel","upload":".sluice/tmp"}'), 'bad-request'],
  ['cancel without an upload', rawFrame('{"cmd":"cancel"}'), 'bad-request'],
  ['a token too long', rawFrame(`{"cmd":"hello","token":"${'t'.repeat(1025)}"}`), 'bad-request'],
  ['NaN', rawFrame('{"cmd":"ping","id":NaN}'), 'bad-header'],
  ['Infinity', rawFrame('{"cmd":"ping","id":Infinity}'), 'bad-header'],
  ['a list', rawFrame('[]'), 'bad-header'],
  ['null', rawFrame('null'), 'bad-header'],
  ['a string', rawFrame('"put"'), 'bad-header'],
  ['a number', rawFrame('12'), 'bad-header'],
  ['blanks', rawFrame('    '), 'bad-header'],
  ['one byte', rawFrame('{'), 'bad-header'],
  ['two objects', rawFrame('{}{}'), 'bad-header'],
  ['a comment', rawFrame('{"cmd":"ping"}//'), 'bad-header'],
  ['single quotes', rawFrame("{'cmd':'ping'}"), 'bad-header'],
  ['a byte-order mark', rawFrame('\ufeff{"cmd":"ping"}'), 'bad-header'],
  ['UTF-16', rawFrame(Buffer.from('{"cmd":"ping"}', 'utf16le')), 'bad-header'],
  ['a NUL behind', rawFrame('{"cmd":"ping"}\0'), 'bad-header'],
  ['a line break in a string', rawFrame('{"cmd":"ping","id":"a\nb"}'), 'bad-header'],
  ['overlong UTF-8 for ..', withBytes([0xc0, 0xae, 0xc0, 0xae]), 'bad-header'],
  ['overlong UTF-8 for /', withBytes([0xe0, 0x80, 0xaf]), 'bad-header'],
  ['overlong UTF-8 for NUL', withBytes([0xc0, 0x80]), 'bad-header'],
  ['half a surrogate pair in UTF-8', withBytes([0xed, 0xa0, 0x80]), 'bad-header'],
  ['UTF-8 past the last character', withBytes([0xf4, 0x90, 0x80, 0x80]), 'bad-header'],
  ['UTF-8 cut short', withBytes([0xe2, 0x82]), 'bad-header'],
  ['Latin-1', withBytes([0xe9]), 'bad-header'],
  ['a header of no bytes', rawFrame(''), 'bad-header-length'],
  ['a header of -1 bytes', lengthOf(-1), 'bad-header-length'],
  ['a header of -2^31 bytes', lengthOf(-(2 ** 31)), 'bad-header-length'],
  ['a header of 2^31 - 1 bytes', lengthOf(2 ** 31 - 1), 'bad-header-length'],
  [
    'a header of one byte too many',
    rawFrame(`{"cmd":"ping","x":"${'x'.repeat(65_517)}"}`),
    'bad-header-length',
  ],
  ['the largest header', rawFrame(`{"cmd":"ping","x":"${'x'.repeat(65_515)}"}`), 'ping'],
  ['an HTTP request', Buffer.from('GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'), 'bad-header-length'],
  ['a TLS hello', Buffer.from('16030100f0010000ec0303', 'hex'), 'bad-header-length'],
];

function withBytes(bytes: readonly number[]): Uint8Array {
  const json = ['{"cmd":"put","filename":"', Uint8Array.from(bytes), '","filesize":4}'];
  return rawFrame(Buffer.concat(json.map((part) => Buffer.from(part as string))), body);
}

function lengthOf(length: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(length);
  return Buffer.concat([bytes, Buffer.from('{"cmd":"ping"}')]);
}

describe('headers', () => {
  test('hostile headers get the right answer each, and the connection goes on or ends as the catalogue says', async () => {
    const { port, beside, inside, root, child } = served();
    const before = beside();
    for (const [what, bytes, expected] of sayings) {
      const replies = await converse(port, bytes, ping);
      const over = expected.startsWith('bad-') && isFatal(expected as ErrorCode);
      expect(outcomes(replies), what).toEqual(over ? [expected] : [expected, 'ping']);
      if (replies[0]?.ack === 'ping') expect(Object.keys(replies[0]), what).not.toContain('__proto__');
    }
    expect(child.exitCode).toBeNull();
    expect(inside()).toEqual(['a']);
    await nothingUnfinished(root);
    expect(beside()).toEqual(before);
  });

  test('an id is echoed as it was, whatever is in it', async () => {
    const { port } = served();
    const ids = ['\ud800', '"', '\\', '\u2028', '__proto__', '', 'x'.repeat(256), 0, -1.5, 1e308, 2 ** 53];
    const replies = await converse(port, ...ids.map((id) => frame({ cmd: 'ping', id })));
    expect(replies.map(({ id }) => id)).toEqual(ids);
  });
});

describe('lengths that lie', () => {
  test('a body shorter than said leaves nothing', async () => {
    const { port, inside, root } = served();
    for (const filesize of [5, 1000, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      const replies = await converse(
        port,
        rawFrame(JSON.stringify({ cmd: 'put', filename: 'a', filesize }), body),
      );
      // What is larger than the server takes is refused before it is seen to be cut short.
      expect(outcomes(replies).at(-1)).toBe('truncated');
    }
    expect(inside()).toEqual([]);
    await nothingUnfinished(root);
    expect(outcomes(await converse(port, ping))).toEqual(['ping']);
  });

  test('a body longer than said is the file as said, and then what is no header', async () => {
    const { port, root } = served();
    const replies = await converse(
      port,
      rawFrame('{"cmd":"put","filename":"a","filesize":4}', 'evil-and-more'),
      ping,
    );
    expect(outcomes(replies)).toEqual(['put', 'bad-header-length']);
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('evil');
  });

  test('a header cut short, at any byte, is an error to the peer and nothing else', async () => {
    const { port, inside, root } = served();
    const whole = putFrame('cut', body, { id: 1 });
    const lengths = Array.from({ length: whole.length - 1 }, (_, i) => i + 1);
    const replies = await Promise.all(lengths.map((length) => converse(port, whole.subarray(0, length))));
    for (const each of replies) expect(outcomes(each)).toEqual(['truncated']);
    expect(inside()).toEqual([]);
    await nothingUnfinished(root);
  });
});

describe('things planted in the tree', () => {
  /** What may be said of a name that is, or is below, something that is no file. */
  const notAFile = [
    'not-a-file',
    'not-a-file',
    'not-a-file',
    'not-a-file',
    'not-a-file',
    'not-a-file',
    'not-a-file',
  ];

  test('links planted in the tree are not followed, and stay what they are', async () => {
    const { port, root, outside, beside } = served();
    symlinkSync(outside, join(root, 'folder'));
    symlinkSync('../outside', join(root, 'relative'));
    symlinkSync('.', join(root, 'self'));
    symlinkSync('loop', join(root, 'loop'));
    symlinkSync(join(outside, 'secret'), join(root, 'file'));
    symlinkSync(join(outside, 'new'), join(root, 'dangling'));
    symlinkSync('/proc/self', join(root, 'proc'));
    symlinkSync('/dev/full', join(root, 'device'));
    writeFileSync(join(root, 'there'), 'T');
    const before = beside();
    const links = readdirSync(root).filter((name) => name !== '.sluice');
    const below = ['folder/secret', 'folder/new', 'folder/folder/secret', 'relative/secret', 'self/there'];
    for (const name of [...links, ...below, 'proc/environ', 'proc/fd/0', 'loop/x'].filter(
      (it) => it !== 'there',
    )) {
      expect(outcomes(await converse(port, ...framesWith(name), ping)), name).toEqual([...notAFile, 'ping']);
    }
    const [listed] = await converse(port, frame({ cmd: 'list' }));
    expect(listed?.files).toEqual([expect.objectContaining({ name: 'there' })]);
    expect(readdirSync(root).filter((name) => name !== '.sluice')).toEqual(links);
    expect(beside()).toEqual(before);
    await nothingUnfinished(root);
  });

  test('FIFOs, sockets and devices planted in the tree are neither read, written, waited for nor removed', async () => {
    const { port, root, beside } = served();
    writeFileSync(join(root, 'there'), 'T');
    const names = ['fifo', 'socket'];
    execFileSync('mkfifo', [join(root, 'fifo')]);
    const listening = createServer().listen(join(root, 'socket'));
    await once(listening, 'listening');
    if (isRoot) {
      // The numbers of /dev/null and of a disk.
      execFileSync('mknod', [join(root, 'null'), 'c', '1', '3']);
      execFileSync('mknod', [join(root, 'disk'), 'b', '7', '0']);
      names.push('null', 'disk');
    }
    const before = beside();
    for (const name of names) {
      expect(outcomes(await converse(port, ...framesWith(name), ping)), name).toEqual([...notAFile, 'ping']);
      const under = outcomes(await converse(port, ...framesWith(`${name}/x`), ping));
      expect(
        under.every((code) => ['not-a-file', 'ping'].includes(code)),
        `${under}`,
      ).toBe(true);
      expect(existsSync(join(root, name))).toBe(true);
    }
    listening.close();
    expect(beside()).toEqual(before);
    await nothingUnfinished(root);
  });

  test('a put to one of a file’s two names does not write through to the other', async () => {
    const { port, root, outside } = served();
    linkSync(join(outside, 'secret'), join(root, 'hard'));
    writeFileSync(join(root, 'one'), 'same');
    linkSync(join(root, 'one'), join(root, 'two'));
    const large = Buffer.alloc(200_000, 'L');
    const said = [
      putFrame('hard', large, { id: 1 }),
      putFrame('one', 'new', { id: 2 }),
      putFrame('hard', 'x'),
    ];
    expect(outcomes(await converse(port, ...said))).toEqual(['put', 'put', 'put']);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(readFileSync(join(root, 'two'), 'utf8')).toBe('same');
    expect(readFileSync(join(root, 'hard'), 'utf8')).toBe('x');
    expect(outcomes(await converse(port, frame({ cmd: 'delete', filename: 'hard' })))).toEqual(['delete']);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  test('a folder that the server may not use is an error for what is in it, and for nothing else', async () => {
    const { root, inside } = walledRoot();
    // Root may use every folder, unless it gives that right up.
    const rights = '--bounding-set=-dac_override,-dac_read_search';
    const serving = ['serve', root, '--port', '0'];
    const running = isRoot
      ? start('setpriv', [
          rights,
          '--inh-caps=-dac_override,-dac_read_search',
          process.execPath,
          main,
          ...serving,
        ])
      : start(process.execPath, [main, ...serving]);
    const port = Number((await running.said(/^listening on 127\.0\.0\.1:(\d+)$/m))[1]);
    for (const [name, mode] of [
      ['none', 0o000],
      ['unsearchable', 0o600],
      ['unwritable', 0o500],
    ] as const) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, 'file'), 'x');
      chmodSync(join(root, name), mode);
    }
    const asked = (name: string) =>
      converse(port, putFrame(name, 'new', { id: 1 }), frame({ cmd: 'get', filename: name }), ping).then(
        outcomes,
      );
    for (const name of ['none/file', 'none/new', 'none/a/b', 'unsearchable/file', 'unsearchable/new']) {
      expect(await asked(name), name).toEqual(['permission-denied', 'permission-denied', 'ping']);
    }
    expect(await asked('unwritable/file')).toEqual(['permission-denied', 'get', 'ping']);
    expect(await asked('unwritable/new')).toEqual(['permission-denied', 'not-found', 'ping']);
    expect(await asked('fine')).toEqual(['put', 'get', 'ping']);
    for (const name of ['none', 'unsearchable', 'unwritable']) chmodSync(join(root, name), 0o700);
    expect(await asked('none/file')).toEqual(['put', 'get', 'ping']);
    expect(inside().sort()).toEqual(['fine', 'none/file', 'unsearchable/file', 'unwritable/file']);
    await nothingUnfinished(root);
  });

  test('a folder swapped for a link, again and again while files are put, leads nowhere', async () => {
    const { port, root, outside, beside } = served();
    for (const folder of ['a/b', 'c/deep/d']) mkdirSync(join(root, folder), { recursive: true });
    const before = beside();
    const script = fileURLToPath(new URL('../../support/processes/swap-folder.mjs', import.meta.url));
    const swaps = [
      [join(root, 'a/b'), outside],
      [join(root, 'c/deep'), join(outside, 'folder')],
    ];
    const swapping = swaps.map((args) => start(process.execPath, [script, ...args], { input: 'open' }));
    await Promise.all(swapping.map(({ said }) => said(/swapping/)));
    const names = ['a/b/secret', 'a/b/new', 'a/b/folder/secret', 'c/deep/secret', 'c/deep/new/new'];
    const answers = new Set<string>();
    const seenAll = () => ['put', 'get', 'rename', 'not-a-file'].every((answer) => answers.has(answer));
    for (let round = 0; round < cases(20) || !seenAll(); round++) {
      const said = names.flatMap((filename, i) => [
        putFrame(filename, Buffer.alloc(i === 0 ? 100_000 : 10, 'E'), { id: round }),
        frame({ cmd: 'get', filename }),
        frame({ cmd: 'rename', filename, to: `${filename}-2` }),
        frame({ cmd: 'delete', filename: `${filename}-2` }),
        frame({ cmd: 'list', prefix: filename.slice(0, 4), limit: 3 }),
      ]);
      for (const outcome of outcomes(await converse(port, ...said))) answers.add(outcome);
    }
    for (const { child, done } of swapping) {
      child.stdin?.end();
      expect(await done).toMatchObject({ status: 0, stderr: '' });
    }
    expect([...answers].filter((code) => ['internal', 'bad-filename'].includes(code))).toEqual([]);
    expect(beside()).toEqual(before);
    await nothingUnfinished(root);
    expect(outcomes(await converse(port, ping))).toEqual(['ping']);
  });
});

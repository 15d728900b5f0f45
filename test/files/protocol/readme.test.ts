/** The protocol's document, held to the code: its examples byte for byte, and its tables. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { concat, NEVER, of } from 'rxjs';
import { isMatching, type P } from 'ts-pattern';
import { describe, expect, test } from 'vitest';
import { openAccess } from '../../../src/files/effects/access.ts';
import type { Principal } from '../../../src/files/protocol/access.ts';
import { catalogue } from '../../../src/files/protocol/errors.ts';
import {
  explainBadFilename,
  NAME_BYTES_MAX,
  SEGMENT_BYTES_MAX,
} from '../../../src/files/protocol/filename.ts';
import { requestPatterns } from '../../../src/files/protocol/request.ts';
import { PAGE_NAMES_MAX } from '../../../src/files/session/commands/list.ts';
import { commands } from '../../../src/files/session/dispatch.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import { type ServeOptions, serve } from '../../../src/server/serve.ts';
import { crc32OfAll } from '../../../src/store/crc32.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { uploadLimits } from '../../../src/store/upload-limits.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import type { JsonHeader } from '../../../src/wire/json-header.ts';
import { frame, peer } from '../../support/network/peer.ts';
import { play, turnsOf, written } from '../../support/wire-examples.ts';

const document = readFileSync(
  fileURLToPath(new URL('../../../src/files/protocol/README.md', import.meta.url)),
  'utf8',
);

/** What is below a heading, to the next one of any level. */
function section(heading: string): string {
  const [, text] = document.split(new RegExp(`^#+ ${heading}$`, 'm'));
  if (text === undefined) throw new Error(`there is no section '${heading}'`);
  return text.split(/^#+ /m)[0]!;
}

/** The cells of a section's tables, without their headings. */
function rows(heading: string): string[][] {
  const lines = section(heading).split('\n');
  return lines.flatMap((line, i) => {
    const isHead = /^\|[ :|-]+\|$/.test(line) || /^\|[ :|-]+\|$/.test(lines[i + 1] ?? '');
    if (!line.startsWith('|') || isHead) return [];
    return [
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    ];
  });
}

/** The words in backticks, in order. */
const coded = (text: string): string[] => [...text.matchAll(/`([^`]*)`/g)].map(([, word]) => word!);

const alice: Principal = { name: 'alice', rights: ['read', 'write'], prefix: 'alice/' };
const tokens: ServeOptions['access'] = {
  ...openAccess,
  initial: () => null,
  byToken: (token) => (token === 'sesame' ? alice : null),
};

describe('the examples', () => {
  const blocks = [
    ...document.matchAll(/^### (.+)\n(?:(?!^###)[\s\S])*?^```wire(?: (.*))?\n([\s\S]*?)^```$/gm),
  ];

  test('the examples are all found', () => {
    expect(blocks).toHaveLength(document.split('\n```wire').length - 1);
    expect(blocks.length).toBeGreaterThanOrEqual(8);
  });

  test.each(blocks.map(([, title, info, block]) => [title!, info, block!] as const))(
    'the example of the document is what the server does: %s',
    async (_, info, block) => {
      const turns = turnsOf(block);
      const said = await play(turns, info === 'tokens' ? { access: tokens } : {});
      expect(written(said)).toEqual(written(turns));
    },
  );
});

/** What a type of the document allows, and what it does not. */
const samples: Readonly<
  Record<string, { readonly good: readonly unknown[]; readonly bad: readonly unknown[] }>
> = {
  id: { good: ['', 'x'.repeat(256), 0, -1.5], bad: ['x'.repeat(257), true, null, {}] },
  text: { good: ['', 'x'], bad: [1, null] },
  token: { good: ['', 'x'.repeat(1024)], bad: ['x'.repeat(1025), 1, null] },
  name: { good: ['a'], bad: [1, null] },
  upload: {
    good: ['a', 'aZ09_-'.repeat(10), 'x'.repeat(64)],
    bad: ['', 'x'.repeat(65), 'a.b', 'a\n', 1, null],
  },
  bytes: { good: [0, 2 ** 53 - 1], bad: [-1, 0.5, 2 ** 53, '1', null] },
  count: { good: [1, 2 ** 53 - 1], bad: [0, 0.5, 2 ** 53, '1', null] },
  millis: { good: [-(2 ** 53) + 1, 0, 2 ** 53 - 1], bad: [0.5, 2 ** 53, -(2 ** 53), '1', null] },
  crc32: { good: [0, 4294967295], bad: [-1, 0.5, 4294967296, '1', null] },
  sha256: { good: ['aF09'.repeat(16)], bad: ['a'.repeat(63), 'a'.repeat(65), 'g'.repeat(64), 1, null] },
  boolean: { good: [true, false], bad: [0, 'true', null] },
};

/** The fields of a command, as the document has them. */
const fieldsOf = (cmd: string) =>
  rows(cmd).map(([field, type, fallback]) => ({
    field: coded(field!)[0]!,
    type: type!,
    fallback: fallback!,
  }));

describe('the table of types', () => {
  test('the table of types has those that fields are of, and no other', () => {
    const used = Object.keys(requestPatterns).flatMap((cmd) => fieldsOf(cmd).map(({ type }) => type));
    expect(new Set(rows('Types').map(([type]) => type))).toEqual(new Set([...used, 'id']));
    expect(new Set(rows('Types').map(([type]) => type))).toEqual(new Set(Object.keys(samples)));
  });
});

describe.each(Object.entries(requestPatterns))('the request %s', (cmd, pattern) => {
  const fields = fieldsOf(cmd);
  const matches = isMatching(pattern as P.Pattern<unknown>);
  const all = Object.fromEntries(fields.map(({ field, type }) => [field, samples[type]!.good[0]]));
  const whole: JsonHeader = { cmd, id: 1, ...all };

  test(`the request ${cmd} has the fields of its pattern`, () => {
    expect(['cmd', 'id', ...fields.map(({ field }) => field)]).toEqual(Object.keys(pattern));
    expect(matches(whole)).toBe(true);
  });

  test.each([...fields, { field: 'id', type: 'id', fallback: 'none' }])(
    `the request ${cmd} has $field of the type $type ($fallback)`,
    ({ field, type, fallback }) => {
      for (const good of samples[type]!.good)
        expect(matches({ ...whole, [field]: good }), String(good)).toBe(true);
      for (const bad of samples[type]!.bad)
        expect(matches({ ...whole, [field]: bad }), String(bad)).toBe(false);
      const { [field]: _, ...without } = whole;
      expect(matches(without)).toBe(fallback !== 'required');
    },
  );
});

describe('the commands', () => {
  const sections = (heading: string) =>
    [...document.matchAll(new RegExp(`^## ${heading}\\n([\\s\\S]*?)^## `, 'gm'))].flatMap(([, text]) =>
      [...text!.matchAll(/^### (\w+)$/gm)].map(([, cmd]) => cmd),
    );

  test('the commands are those of the dispatch, each with its rights', () => {
    expect(sections('Requests')).toEqual(commands.map(({ cmd }) => cmd));
    const documented = rows('Who may do what').map(([cmd, rights]) => [coded(cmd!)[0], coded(rights!)]);
    expect(documented).toEqual(commands.map(({ cmd, rights }) => [cmd, rights ?? []]));
  });
});

/** Sends requests one after the other over one connection, and gives the replies to all of them. */
async function asked(
  options: Partial<ServeOptions>,
  ...frames: readonly Uint8Array[]
): Promise<JsonHeader[]> {
  const [here, there] = memoryPair();
  const connections$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
  const server = serve({ connections$, store: memoryStore(), ...options }).subscribe();
  const client = peer(here);
  await client.send(...frames);
  here.end();
  const replies = await client.all();
  server.unsubscribe();
  return replies;
}

const put = (filename: string, more: JsonHeader = {}): Uint8Array =>
  frame({ cmd: 'put', filename, filesize: 5, id: 1, ...more }, 'hello');

describe('the table of replies', () => {
  const documented = new Map(
    rows('Replies').map(([ack, fields]) => {
      const optional = [...fields!.matchAll(/`(\w+)`\?/g)].map(([, field]) => field!);
      return [coded(ack!)[0]!, { fields: coded(fields!), optional }];
    }),
  );

  test('the table of replies has the fields that a server sends', async () => {
    const broken = frame(
      { cmd: 'put', id: 1, filename: 'b', filesize: 9, upload: 'u', progress: 1 },
      'hello',
    );
    const store = memoryStore();
    // In the middle of its body: what arrived is kept.
    const interrupted = await asked({ store }, broken);
    const replies = await asked(
      { store },
      frame({ cmd: 'resume', id: 1, upload: 'u' }),
      frame({ cmd: 'cancel', id: 1, upload: 'u' }),
      put('a', { upload: 'v', progress: 1 }),
      put('b'),
      ...['get', 'stat'].map((cmd) => frame({ cmd, id: 1, filename: 'a' })),
      frame({ cmd: 'list', id: 1, limit: 1 }),
      frame({ cmd: 'list', id: 1 }),
      frame({ cmd: 'rename', id: 1, filename: 'a', to: 'c' }),
      frame({ cmd: 'delete', id: 1, filename: 'c' }),
      frame({ cmd: 'hello', id: 1 }),
      frame({ cmd: 'ping', id: 1 }),
    );
    const seen = new Set<unknown>();
    for (const { ack, id, ...fields } of [...interrupted, ...replies]) {
      if (ack === undefined) continue;
      seen.add(ack);
      const { fields: known, optional } = documented.get(ack as string)!;
      expect(id).toBe(1);
      expect(known, ack as string).toEqual(expect.arrayContaining(Object.keys(fields)));
      const must = known.filter((field) => !optional.includes(field));
      expect(Object.keys(fields), ack as string).toEqual(expect.arrayContaining(must));
    }
    expect(seen).toEqual(new Set(documented.keys()));
  });
});

describe('the table of errors', () => {
  const documented = rows('Errors');

  test('the table of errors is the catalogue', () => {
    const entries = documented.map(([code, fatal, blame, message]) => [
      coded(code!)[0],
      { fatal: fatal === 'yes', blame, message },
    ]);
    expect(entries).toEqual(Object.entries(catalogue));
  });

  test('the table of errors has the details that errors carry', async () => {
    const allowed = new Map(documented.map(([code, , , , , details]) => [coded(code!)[0], coded(details!)]));
    const [wrong, limited] = [4, { limits: { fileBytes: 4, headerBytes: 128 } }];
    const full = { store: memoryStore({ maxUploads: 0 }) };
    const kept = { store: memoryStore() };
    await asked(kept, frame({ cmd: 'put', filename: 'a', filesize: 9, upload: 'u' }, 'hello'));
    const replies = [
      ...(await asked(
        {},
        put('a', { mtime: 'x' }),
        put(''),
        put('a', { filesize: 6, offset: 1 }),
        put('a', { crc32: wrong }),
        put('a', { sha256: '0'.repeat(64) }),
        put('a'),
        put('a', { ifAbsent: true }),
        put('a/b'),
        frame({ cmd: 'get', filename: 'a', offset: 6 }),
        frame({ cmd: 'stat', filename: 'x' }),
        frame({ cmd: 'nothing' }),
        frame({ cmd: 'put' }),
      )),
      ...(await asked(kept, put('a', { upload: 'u', filesize: 8, offset: 3 }))),
      ...(await asked(kept, frame({ cmd: 'put', filename: 'a', upload: 'u', filesize: 3 }, 'hel'))),
      ...(await asked(kept, Buffer.from('GET / HTTP/1.1'))),
      ...(await asked(kept, Buffer.from('\x02\0\0\0[]'), frame({ cmd: 'ping' }))),
      ...(await asked(kept, frame({ cmd: 'ping' }).subarray(0, -1))),
      ...(await asked(limited, put('a'))),
      ...(await asked(full, put('a', { upload: 'u' }))),
      ...(await asked({ access: tokens }, frame({ cmd: 'list' }), frame({ cmd: 'hello', token: 'x' }))),
      ...(await asked(
        { access: { ...openAccess, initial: () => alice } },
        put('a'),
        frame({ cmd: 'delete', filename: 'alice/a' }),
      )),
    ];
    const seen = new Set<string>();
    for (const { error } of replies as { error?: { code: string; message: string } }[]) {
      if (error === undefined) continue;
      const { code, message: _, ...details } = error;
      seen.add(code);
      expect(allowed.get(code), code).toEqual(expect.arrayContaining(Object.keys(details)));
    }
    expect(seen.size).toBeGreaterThanOrEqual(16);
  });
});

describe('the numbers', () => {
  test('the numbers of the limits and deadlines are those of a server that nobody has set up', () => {
    const limits = rows('Limits and deadlines').map(
      ([name, most]) => [coded(name!)[0]!, Number(most)] as const,
    );
    expect(limits.length).toBe(5);
    for (const [name, most] of limits)
      expect(most, name).toBe(defaultLimits[name as keyof typeof defaultLimits]);
    const deadlines = rows('Deadlines').map(([name, , time]) => [
      coded(name!)[0],
      Number.parseInt(time!, 10) * 1000,
    ]);
    const { bodyBytes, ...times } = defaultLimits.timeouts;
    expect(Object.fromEntries(deadlines)).toEqual(times);
    expect(section('Deadlines')).toContain(`${bodyBytes.toLocaleString('en')} more bytes`);
  });

  test('the numbers of silences, grace and what is kept are so too', () => {
    const { quietPeriod, grace, linger } = defaultLimits;
    const acks = section('When acks are sent');
    expect(acks).toContain(`for ${quietPeriod.initial} ms with one`);
    expect(acks).toContain(`but ${quietPeriod.minimum} ms at the least`);
    expect(acks).toContain(`for ${quietPeriod.midFrame / 1000} s.`);
    expect(section('Ending')).toContain(`(${grace / 1000} s unless`);
    expect(section('States')).toContain(`or ${linger / 1000} s →`);
    const { keepPartial, maxUploads } = uploadLimits({});
    expect(section('Resuming')).toContain(`for ${keepPartial / 3_600_000} hours`);
    expect(section('Resuming')).toContain(`and ${maxUploads.toLocaleString('en')} of them`);
    expect(section('list')).toContain(`never over ${PAGE_NAMES_MAX} `);
  });

  test('the numbers of the CRC-32 are those of the code', () => {
    const check = crc32OfAll([Buffer.from('123456789')], 0);
    expect(section('Integrity')).toContain(`0x${check.toString(16).toUpperCase()}; in JSON, ${check}`);
  });

  test('the numbers of names are those of the code', () => {
    expect(section('Names')).toContain(
      `more than ${NAME_BYTES_MAX.toLocaleString('en')} bytes in UTF-8, or with a segment of more than ${SEGMENT_BYTES_MAX}.`,
    );
  });
});

test('the names are allowed where the document says so', () => {
  const names = rows('Names').flatMap(([a, first, b, second]) => [
    [coded(a!)[0]!, first],
    [coded(b!)[0]!, second],
  ]);
  expect(names.length).toBeGreaterThan(10);
  for (const [name, allowed] of names)
    expect(explainBadFilename(name) === null, name).toBe(allowed === 'yes');
});

test('every link within the document leads somewhere', () => {
  const anchors = new Set(
    [...document.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
  for (const [, anchor] of document.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
});

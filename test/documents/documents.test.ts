/** The documents, held to the files and names that they speak of, read as text. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { defaultActorLimits } from '../../src/actor/limits.ts';
import { commands } from '../../src/files/session/dispatch.ts';
import { boundsOf } from '../../src/server/bounds.ts';
import { defaultLimits } from '../../src/server/limits.ts';
import { uploadLimits } from '../../src/store/upload-limits.ts';
import { commandLine, generators, tablesIn, withTables } from '../support/generated-tables.ts';
import { documents, examplesOf, linksIn, proseOf, textOf as read, root } from '../support/readme.ts';

/** How a heading is named in a link. */
const headingsOf = (document: string): readonly string[] =>
  [...proseOf(document).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{Letter}\p{Number} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test.each(documents)('%s links only to files and folders that exist', (document) => {
  const lost = linksIn(document, proseOf(document)).filter(({ path }) => !existsSync(join(root, path)));
  expect(lost).toEqual([]);
});

test.each(documents)('%s links only to headings that exist', (document) => {
  const lost = linksIn(document, proseOf(document)).filter(
    ({ path, heading }) => heading !== null && path.endsWith('.md') && !headingsOf(path).includes(heading),
  );
  expect(lost).toEqual([]);
});

/** What stands in backticks, alone or in a command, and is a file or a folder of the project. */
const pathsIn = (text: string): readonly string[] =>
  [...text.matchAll(/`([^`\n]+)`/g)].flatMap(([, code]) =>
    code!.split(/\s+/).filter((word) => /^(?:src|test)\//.test(word)),
  );

/** The documents that the package brings. */
const forUsers = documents.filter((path) => !path.startsWith('test/') && path !== 'src/README.md');

test.each(documents)('%s names only files and folders that exist', (document) => {
  expect(pathsIn(proseOf(document)).filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test.each(forUsers)(
  '%s says of sources that it names, which the package lacks, that a clone has them',
  (document) => {
    const paragraphs = proseOf(document).split('\n');
    expect(paragraphs.filter((text) => pathsIn(text).length > 0 && !/\bclone\b/.test(text))).toEqual([]);
  },
);

// After a change of what they are made of: UPDATE_DOCS=1 npx vitest run test/documents/documents.test.ts
test.each(documents.filter((document) => tablesIn(read(document)).length > 0))(
  '%s has the tables that are made from the code',
  async (document) => {
    const text = await withTables(read(document));
    if (process.env.UPDATE_DOCS) writeFileSync(join(root, document), text);
    expect(read(document)).toBe(text);
  },
);

test('every table that can be made is in one document', () => {
  const found = documents.flatMap((document) => tablesIn(read(document)));
  expect([...found].sort()).toEqual(Object.keys(generators).sort());
});

test('the README has at most 10,000 bytes', () => {
  expect(Buffer.byteLength(read('README.md'))).toBeLessThanOrEqual(10_000);
});

test('the README leads to every document that is for users', () => {
  const linked = linksIn('README.md', proseOf('README.md')).map(({ path }) => path);
  expect(forUsers.filter((path) => path !== 'README.md' && !linked.includes(path))).toEqual([]);
});

test('the README names the version of the package', () => {
  const { version } = JSON.parse(read('package.json'));
  const named = [...read('README.md').matchAll(/sluice-(\d+\.\d+\.\d+)\.tgz/g)].map(([, it]) => it);
  expect(named.length).toBeGreaterThan(0);
  expect(new Set(named)).toEqual(new Set([version]));
  expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## ${version.replaceAll('.', '\\.')}$`, 'm'));
});

test('the README names the versions of Node that the package allows', () => {
  const { engines } = JSON.parse(read('package.json'));
  const versions = [...engines.node.matchAll(/(\d+)\.(\d+)\.0/g)].map(([, major, minor]) =>
    minor === '0' ? major : `${major}.${minor}`,
  );
  expect(versions.length).toBeGreaterThan(1);
  expect(read('README.md')).toContain(`Node ${versions.join(', ')} or newer, in a clone:`);
});

test('the changelog gives old names the names that the source exports now', () => {
  const [, section] = read('CHANGELOG.md').split('### Names that have changed\n');
  const [imported] = section!.split('No longer exported');
  const rows = [...imported!.matchAll(/^\| (`.*) \| (`.*) \|$/gm)].map(([, ...cells]) =>
    cells.map((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name!)),
  );
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.filter(([before, after]) => before!.length !== after!.length)).toEqual([]);
  const source = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(join('src', file)))
    .join('\n');
  const isExported = (name: string) =>
    new RegExp(`^export (?:async )?(?:function|const|class|interface|type) ${name}\\b`, 'm').test(source);
  expect(rows.flatMap(([, after]) => after!).filter((name) => !isExported(name))).toEqual([]);
});

test('the document of the server has every command in its table', () => {
  const [, section] = read('src/server/README.md').split('## What it answers\n');
  const [rows] = section!.split('\n## ');
  const named = [...rows!.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(\w+)`/g)].map(([, cmd]) => cmd!),
  );
  expect(named.sort()).toEqual(commands.map(({ cmd }) => cmd).sort());
});

describe('the numbers in the documents', () => {
  const MiB = 1024 ** 2;
  const inMiB = (bytes: number) => `${Math.round(bytes / MiB)} MiB`;
  const grouped = (count: number) => count.toLocaleString('en');
  /** Memory as documents say it: to tens of MiB. */
  const memoryOf = (connections: number) =>
    `${Math.round(boundsOf(defaultLimits, { connections }).memory / MiB / 10) * 10} MiB for ${grouped(connections)}`;
  const { mailbox } = defaultActorLimits;

  test.each([
    ['src/server/README.md', `at most ${inMiB(defaultLimits.window.high)} of it`],
    ['src/server/README.md', `\`--memory-budget\` (${inMiB(defaultLimits.budget.high)})`],
    ['src/server/README.md', `${memoryOf(100)} connections and ${memoryOf(1000)}`],
    ['src/server/README.md', `${defaultLimits.openRequests} requests of a connection may be unanswered`],
    ['src/server/README.md', `${grouped(defaultLimits.connections)} connections are the default`],
    ['src/server/README.md', `${defaultLimits.openFiles.reading} of a kind at once`],
    ['src/server/README.md', `a header up to ${defaultLimits.headerBytes / 1024} KiB`],
    ['src/server/README.md', `sends ${grouped(defaultLimits.timeouts.bodyBytes)} bytes in each 30 seconds`],
    ['src/store/README.md', `\`keepPartial\` (${uploadLimits({}).keepPartial / 3_600_000} hours)`],
    ['src/actor/README.md', `\`limits.window.high\` (${inMiB(defaultActorLimits.window.high)})`],
    ['src/actor/README.md', `\`limits.mailbox.inputs\` (${grouped(mailbox.inputs)})`],
    ['src/actor/README.md', `\`bytes\` (${inMiB(mailbox.bytes)})`],
  ])('%s says: %s', (document, sentence) => {
    expect(read(document)).toContain(sentence);
  });
});

describe('a command in the documents', () => {
  let program: Command;
  beforeAll(async () => {
    program = await commandLine();
  });

  /** The lines of a shell example that run this program, without what is piped into it or out of it. */
  const sluiceLines = examplesOf('sh').flatMap(({ document, code }) =>
    [...code.matchAll(/(?:^|\s)npx sluice (\w+)([^|#\n]*)/gm)].map(
      ([, name, rest]) => [document, name!, rest!.trim()] as const,
    ),
  );

  test.each(sluiceLines)('%s calls sluice %s %s, which has these options', (_, name, rest) => {
    let command = program.commands.find((each) => each.name() === name);
    expect(command).toBeDefined();
    // The command of a command: "config set".
    command = command!.commands.find((each) => each.name() === rest.split(/\s+/)[0]) ?? command;
    const known = command!.options.flatMap(({ long, short }) => [long, short]);
    const used = rest.split(/\s+/).filter((word) => word.startsWith('-') && word !== '-');
    expect(used.filter((word) => !known.includes(word))).toEqual([]);
  });

  test.each(forUsers.filter((path) => !path.includes('wireshark')))(
    '%s names only options that a command has',
    (document) => {
      const all = program.commands.flatMap((command) => [command, ...command.commands]);
      const known = new Set(all.flatMap(({ options }) => options.map(({ long }) => long)));
      const named = [...proseOf(document).matchAll(/`(--[a-z][a-z-]*[a-z])/g)].map(([, name]) => name!);
      expect(named.filter((name) => !known.has(name))).toEqual([]);
    },
  );

  test('every script that the documents run is one of package.json', () => {
    const { scripts } = JSON.parse(read('package.json'));
    const run = documents.flatMap((document) =>
      [...read(document).matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name!),
    );
    expect(run.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

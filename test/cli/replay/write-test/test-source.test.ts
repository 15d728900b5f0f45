/** The text of a written test: readable, short, and safe, whatever a stranger has said in the recording. */
import { fileURLToPath } from 'node:url';
import { fc, test as property } from '@fast-check/vitest';
import { transformSync } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { reasonsByField } from '../../../../src/cli/replay/write-test/ignored-fields.ts';
import { commandLine, ownPipeline } from '../../../../src/cli/replay/write-test/own-pipeline.ts';
import { testPath, testPathsOf } from '../../../../src/cli/replay/write-test/test-paths.ts';
import { type TestFacts, testSource } from '../../../../src/cli/replay/write-test/test-source.ts';
import { DEFAULT_IGNORED_FIELDS } from '../../../../src/server/verify-replay.ts';
import { cases } from '../../../support/random/cases.ts';
import { examples, textOf } from '../../../support/readme.ts';

const said = (...texts: readonly string[]) => ({
  first: texts.map((text) => ({ from: 'client' as const, text })),
  more: 0,
  requests: texts.length,
});
const facts: TestFacts = {
  command: 'npx sluice replay trace.pcap --write-test out.test.ts --force',
  capture: 'out.test.pcapng',
  framing: { type: 'sluice' },
  own: null,
  files: null,
  ignored: { fields: [{ name: 'mtime', why: 'when the server stored a file' }], remarks: ['Nothing else.'] },
  conversations: [said('put a.txt', 'get a.txt')],
  notes: [],
  isIncomplete: false,
  isLarge: false,
};

describe('the text of a test', () => {
  test('the text of a test of files says how to make it again, what answers, and what may differ and why', () => {
    expect(
      testSource(facts),
    ).toBe(`// Recorded conversations as tests: out.test.pcapng is replayed as it was cut, and cut at random.
// Addresses in it are stand-ins, and tokens are written as *.
// To make both files again: npx sluice replay trace.pcap --write-test out.test.ts --force
import { captureFile } from 'sluice/capture';
import { fileServer, matchers } from 'sluice/testing';
import { expect, test } from 'vitest';

expect.extend(matchers);
const recording = captureFile(new URL('./out.test.pcapng', import.meta.url));

// What answers, in this line. For a server or an actor of yours: import { mine as pipeline } from './mine.js';
const pipeline = fileServer();

const options = {
  // Fields of replies that may differ from run to run, and why:
  ignore: [
    'mtime', // when the server stored a file
  ],
  // Nothing else.
};

// → put a.txt
// → get a.txt
test('conversation 0 is answered as it was recorded: put a.txt and 1 more', async () => {
  await expect(recording).toReplayTheSame(pipeline, { ...options, conversation: 0 });
});
`);
  });

  test('the document shows a test as it is written', () => {
    const [shown] = examples('ts', textOf('src/capture/README.md')).filter((code) =>
      code.startsWith('// Recorded conversations as tests'),
    );
    const texts = ['put notes.txt', 'stat notes.txt', 'ack put notes.txt', 'ack stat notes.txt'];
    const first = texts.map((text, at) => ({
      from: at < 2 ? ('client' as const) : ('server' as const),
      text,
    }));
    const fields = ['mtime', 'durable'].map((name) => ({ name, why: reasonsByField.get(name)! }));
    const written = testSource({
      ...facts,
      command: 'npx sluice replay session.pcapng --only 0 --write-test out.test.ts --force',
      ignored: { fields, remarks: [] },
      conversations: [{ first, more: 0, requests: 2 }],
    });
    expect(shown).toBe(written);
  });

  test('the text of a test has one test a conversation, and what the recording lacks', () => {
    const source = testSource({
      ...facts,
      conversations: [said('list'), said('ping'), said()],
      notes: ['The recording of conversation 1 lacks 7 bytes of the client: what it has is compared.'],
      isIncomplete: true,
    });
    expect(source.match(/^test\('conversation \d is answered as it was recorded.*$/gm)).toEqual([
      "test('conversation 0 is answered as it was recorded: list', async () => {",
      "test('conversation 1 is answered as it was recorded: ping', async () => {",
      "test('conversation 2 is answered as it was recorded', async () => {",
    ]);
    expect(source).toContain('\n// The recording of conversation 1 lacks 7 bytes of the client');
    expect(source).toContain('\n  allowIncomplete: true, //');
  });

  test('the text of a test of another protocol names its framing once as what reads, and once for replies', () => {
    const none = { fields: [], remarks: [] };
    const preset = testSource({ ...facts, framing: { type: 'preset', name: 'dns' }, ignored: none });
    expect(preset).toContain("import { presets } from 'sluice';");
    expect(preset).toContain('const pipeline = framesOf(presets.dns);');
    expect(preset).toContain('  framing: presets.dns, //');
    expect(preset).toContain('  ignore: [], //');
    const options = { width: 4, endian: 'little', counts: 'frame', maxLength: 100 } as const;
    const field = testSource({ ...facts, framing: { type: 'length-field', options }, ignored: none });
    const code = "lengthField({ width: 4, endian: 'little', counts: 'frame', maxLength: 100 })";
    expect(field).toContain(`const pipeline = framesOf(${code});`);
    expect(field).toContain("import { lengthField } from 'sluice';");
  });

  test('the text of a test of one conversation has fewer than 40 lines, with all that may be in it', () => {
    const fields = [...reasonsByField].slice(0, 6).map(([name, why]) => ({ name, why }));
    const talk = { ...said(...Array.from({ length: 8 }, (_, at) => `put ${at}`)), more: 3 };
    const source = testSource({ ...facts, ignored: { fields, remarks: [] }, conversations: [talk] });
    expect(source.split('\n').length).toBeLessThanOrEqual(41);
    const usual = testSource({ ...facts, conversations: [talk] });
    expect(usual.split('\n').length).toBeLessThan(40);
  });

  test('the text of a test of a large capture gives it more time', () => {
    expect(testSource({ ...facts, isLarge: true })).toMatch(/conversation: 0 \}\);\n\}, 60_000\);\n$/);
  });

  test('the text of a test finds files of any name', () => {
    const source = testSource({ ...facts, capture: "a#b?'ü %.test.pcapng", files: '../it is #1/' });
    const urls = [...source.matchAll(/new URL\('((?:[^'\\]|\\.)*)'/g)].map(([, text]) =>
      text!.replaceAll("\\'", "'"),
    );
    const found = urls.map((url) => fileURLToPath(new URL(url, 'file:///tests/a.test.ts')));
    expect(found).toEqual(["/tests/a#b?'ü %.test.pcapng", '/it is #1/']);
  });

  const strange = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      "'); process.exit(1); ('",
      '\n process.exit(1)',
      '\u2028process.exit(1)',
      '\\',
      "\\'",
      '`',
      '*/',
    ),
  );

  property.prop([strange, strange, strange, strange], { numRuns: cases(300) })(
    'nothing that a stranger has said, and no name of a file, is code of the test',
    (label, note, command, capture) => {
      const code = (given: Partial<TestFacts>): string =>
        transformSync(testSource({ ...facts, ...given }), { loader: 'ts', minifyWhitespace: true }).code;
      const conversations = [said(label), said(label)];
      const strings = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g;
      const withoutStrings = (text: string) => text.replace(strings, '""');
      const given = { conversations, notes: [note], command, capture: safe(capture) };
      expect(withoutStrings(code(given))).toBe(
        withoutStrings(code({ conversations: [said('a'), said('a')] })),
      );
    },
  );
});

/** Without halves of characters, which no path has. */
const safe = (text: string): string => text.replace(/\p{Cs}/gu, '');

describe('the reasons for what may differ', () => {
  test('every field that a comparison ignores has a reason', () => {
    expect(DEFAULT_IGNORED_FIELDS.filter((name) => !reasonsByField.has(name))).toEqual([]);
  });
});

describe('the path of a test', () => {
  test('a path that vitest would not find is refused', () => {
    for (const path of ['out.ts', 'out', 'test.ts', '.test.ts', 'out.test.json', 'out.test.ts/']) {
      expect(() => testPath(path), path).toThrow('It must end in .test.ts or .test.js');
    }
    for (const path of ['out.test.ts', 'a/b.spec.js', '/a/b.test.mts']) expect(testPath(path)).toBe(path);
  });

  test('the capture is beside the test, and named after it', () => {
    expect(testPathsOf('a/out.test.ts')).toEqual({ test: 'a/out.test.ts', capture: 'a/out.test.pcapng' });
    expect(testPathsOf('out.spec.mjs').capture).toBe('out.spec.pcapng');
  });
});

describe('a module of the user', () => {
  test('a module and the name of its export are told apart at the last #', () => {
    expect(ownPipeline('package.json#chat')).toEqual({ module: './package.json', name: 'chat' });
    expect(ownPipeline('src/index.js#of')).toEqual({ module: './src/index.js', name: 'of' });
    expect(ownPipeline('./src/index')).toEqual({ module: './src/index', name: null });
    expect(ownPipeline('some-package#chat')).toEqual({ module: 'some-package', name: 'chat' });
    expect(ownPipeline('#own/chat')).toEqual({ module: '#own/chat', name: null });
    expect(ownPipeline('#own/chat#talk')).toEqual({ module: '#own/chat', name: 'talk' });
    expect(() => ownPipeline('no-such.ts#chat')).toThrow('There is no file no-such.ts');
    expect(() => ownPipeline('package.json#no name')).toThrow('"no name" is no name of an export');
    expect(() => ownPipeline('')).toThrow('It must be MODULE#NAME');
  });

  test('the command that makes a test again names everything that was asked for, for a shell', () => {
    expect(
      commandLine("/home/me/it's.pcap", {
        writeTest: 'a b.test.ts',
        only: [3, ':80'],
        lengthField: { width: 4, endian: 'little', maxLength: 9 },
        pipeline: { module: './chat.ts', name: 'chat' },
      }),
    ).toBe(
      "npx sluice replay 'it'\\''s.pcap' --only 3 --only :80 --length-field width=4,endian=little,max=9 --pipeline ./chat.ts#chat --write-test 'a b.test.ts' --force",
    );
    expect(commandLine('t.pcap', { writeTest: 'a.test.ts', preset: 'dns', with: 'files' })).toBe(
      'npx sluice replay t.pcap --preset dns --with files --write-test a.test.ts --force',
    );
  });
});

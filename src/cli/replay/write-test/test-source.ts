/** The text of a written test: a readable vitest file of its own. */
import { printable } from '../../shared/format.ts';
import type { Ignored } from './ignored-fields.ts';
import type { SaidByConversation } from './said.ts';
import { framingSource, type TestFraming } from './test-framing.ts';

export interface TestFacts {
  /** The command that makes it again. */
  readonly command: string;
  /** The name of the capture, beside the test. */
  readonly capture: string;
  readonly framing: TestFraming;
  /** The user's own module and the name of its export, if that is what answers. */
  readonly own: { readonly module: string; readonly name: string | null } | null;
  /** The folder with the files that the server had, relative to the test; null when it had none. */
  readonly files: string | null;
  readonly ignored: Ignored;
  readonly conversations: readonly SaidByConversation[];
  /** Sentences about what the recording lacks. */
  readonly notes: readonly string[];
  readonly isIncomplete: boolean;
  /** Whether its capture is so large that a slow machine may take longer than a test may by default. */
  readonly isLarge: boolean;
}

const LARGE_TEST_MAX_MS = '60_000';

/** Text that may come from a stranger is made printable, so that no line of it ends a comment or a string. */
const comment = (text: string): string => `// ${printable(text)}`;
const quoted = (text: string): string =>
  `'${printable(text).replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** A path as a relative URL. */
const urlOf = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

/** @returns the file, formatted, with a line feed at its end. */
export function testSource(facts: TestFacts): string {
  return `${[...headLines(facts), '', ...pipelineLines(facts), '', ...optionLines(facts), ...testLines(facts)].join('\n')}\n`;
}

function headLines({ command, capture, framing, own, notes }: TestFacts): string[] {
  const isRead = own === null && framing.type !== 'sluice';
  const names = [...(own === null ? [isRead ? 'framesOf' : 'fileServer'] : []), 'matchers'];
  const imports = framingSource(framing)?.imports ?? '';
  const redacted =
    framing.type === 'sluice'
      ? 'Addresses in it are stand-ins, and tokens are written as *.'
      : 'Addresses in it are stand-ins. What was said is in it as it was: look before you share it.';
  return [
    comment(`Recorded conversations as tests: ${capture} is replayed as it was cut, and cut at random.`),
    comment(redacted),
    comment(`To make both files again: ${command}`),
    ...notes.map(comment),
    ...(imports === '' ? [] : [`import { ${imports} } from 'sluice';`]),
    `import { captureFile } from 'sluice/capture';`,
    `import { ${names.join(', ')} } from 'sluice/testing';`,
    `import { expect, test } from 'vitest';`,
    ...(own === null ? [] : [ownImport(own)]),
    '',
    'expect.extend(matchers);',
    `const recording = captureFile(new URL(${quoted(urlOf(`./${capture}`))}, import.meta.url));`,
  ];
}

const ownImport = ({ module, name }: NonNullable<TestFacts['own']>): string => {
  const names = name === null ? 'pipeline' : `{ ${name === 'pipeline' ? name : `${name} as pipeline`} }`;
  return `import ${names} from ${quoted(module)};`;
};

function pipelineLines({ framing, own, files }: TestFacts): string[] {
  if (own !== null) return [comment('What answers is imported above as `pipeline`.')];
  const mine = "import { mine as pipeline } from './mine.js';";
  if (framing.type === 'sluice') {
    const options = files === null ? '' : `{ files: new URL(${quoted(urlOf(files))}, import.meta.url) }`;
    return [
      comment(`What answers, in this line. For a server or an actor of yours: ${mine}`),
      `const pipeline = fileServer(${options});`,
    ];
  }
  return [
    comment(`What reads it, in this line. For a pipeline or an actor of yours: ${mine}`),
    `const pipeline = framesOf(${framingSource(framing)!.code});`,
  ];
}

function optionLines({ framing, ignored, isIncomplete }: TestFacts): string[] {
  const code = framingSource(framing)?.code;
  return [
    'const options = {',
    ...(code === undefined ? [] : [`  framing: ${code}, // how replies are framed`]),
    ...(ignored.fields.length === 0
      ? ['  ignore: [], // names of fields that may differ from run to run: none']
      : [
          '  // Fields of replies that may differ from run to run, and why:',
          '  ignore: [',
          ...ignored.fields.map(({ name, why }) => `    ${quoted(name)}, // ${why}`),
          '  ],',
        ]),
    ...ignored.remarks.map((remark) => `  ${comment(remark)}`),
    ...(isIncomplete ? ['  allowIncomplete: true, // what the recording has is compared'] : []),
    '};',
  ];
}

function testLines(facts: TestFacts): string[] {
  const isOne = facts.conversations.length === 1;
  return facts.conversations.flatMap((said, index) => [
    '',
    ...(isOne ? saidLines(said) : []),
    `test(${quoted(nameOf(facts, said, index))}, async () => {`,
    `  await expect(recording).toReplayTheSame(pipeline, { ...options, conversation: ${index} });`,
    facts.isLarge ? `}, ${LARGE_TEST_MAX_MS});` : '});',
  ]);
}

function saidLines({ first, more }: SaidByConversation): string[] {
  const lines = first.map(({ from, text }) => comment(`${from === 'client' ? '→' : '←'} ${text}`));
  return more > 0 ? [...lines, comment(`… and ${more} more`)] : lines;
}

/** A whole sentence. */
function nameOf({ framing, own }: TestFacts, { first, requests }: SaidByConversation, index: number): string {
  const [request] = first.filter(({ from }) => from === 'client');
  const more = requests > 1 ? ` and ${requests - 1} more` : '';
  const what = request === undefined ? '' : `: ${request.text}${more}`;
  if (own === null && framing.type !== 'sluice') {
    return `conversation ${index} has the same frames however its bytes are cut${what}`;
  }
  return `conversation ${index} is answered as it was recorded${what}`;
}

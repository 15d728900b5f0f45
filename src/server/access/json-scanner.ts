/** The words of JSON: strings, numbers, spaces, and where in the text they are. */

/** A text and how far it was read. */
export interface Scanner {
  readonly text: string;
  /** The next character. */
  at: number;
  /** The line of it, from 1, and where that line begins. */
  line: number;
  lineStart: number;
}

/** A mistake in the text; the parser catches it. */
export class SyntaxProblem extends Error {}

const SPACE = /[ \t\r\n]*/y;
const UNESCAPED = /[^"\\]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };

/** Begins at the first character, or behind a byte order mark. */
export function createScanner(text: string): Scanner {
  const at = text.startsWith('\uFEFF') ? 1 : 0;
  return { text, at, line: 1, lineStart: at };
}

/** The next character; undefined at the end of the text. */
export const peek = ({ text, at }: Scanner): string | undefined => text[at];

/** A sentence about a mistake at the next character. */
export function syntaxProblem({ text, at, line, lineStart }: Scanner, why = ''): SyntaxProblem {
  const what = at >= text.length ? 'the text ends too early' : why;
  return new SyntaxProblem(`line ${line}, column ${Math.min(at, text.length) - lineStart + 1}: ${what}`);
}

/** Reads the characters that match a sticky pattern. */
function take(scanner: Scanner, pattern: RegExp): string {
  pattern.lastIndex = scanner.at;
  const taken = pattern.exec(scanner.text)?.[0] ?? '';
  scanner.at += taken.length;
  return taken;
}

export function skipSpace(scanner: Scanner): void {
  const from = scanner.at;
  const space = take(scanner, SPACE);
  for (let i = space.indexOf('\n'); i !== -1; i = space.indexOf('\n', i + 1)) {
    scanner.line += 1;
    scanner.lineStart = from + i + 1;
  }
}

/** Reads a string that begins here. */
export function readString(scanner: Scanner): string {
  const { text, at: from } = scanner;
  scanner.at += 1;
  for (take(scanner, UNESCAPED); peek(scanner) === '\\'; take(scanner, UNESCAPED)) scanner.at += 2;
  if (scanner.at >= text.length) throw syntaxProblem(scanner);
  scanner.at += 1;
  try {
    // A copy: a slice would keep the whole text, with its secrets, in memory.
    return JSON.parse(text.slice(from, scanner.at)) as string;
  } catch {
    scanner.at = from;
    throw syntaxProblem(scanner, 'the string has no end in its line, or something in it must be escaped');
  }
}

/** Reads a string, a number, `true`, `false` or `null`. */
export function readScalar(scanner: Scanner): unknown {
  if (peek(scanner) === '"') return readString(scanner);
  const word = take(scanner, WORD);
  if (word !== '') return WORDS[word];
  const number = take(scanner, NUMBER);
  if (number === '') throw syntaxProblem(scanner, 'there must be a value');
  return Number(number);
}

/**
 * A strict parser for JSON that people write. It reports the line of a mistake, and every key that an object
 * has twice.
 *
 * `JSON.parse` silently takes the last of two equal keys, and reads a large text in one go. This parser gives
 * the same value, reports each such key, and yields after a bounded number of values.
 */

import {
  createScanner,
  peek,
  readScalar,
  readString,
  type Scanner,
  SyntaxProblem,
  skipSpace,
  syntaxProblem,
} from './json-scanner.ts';

/** The path to a value from the outermost one. */
export type JsonPath = readonly (string | number)[];

/** A key that an object has more than once. */
export interface DuplicateKey {
  /** The path to the key, the key included. */
  readonly path: JsonPath;
  /** The lines of the first and the second occurrence; the text begins with line 1. */
  readonly lines: readonly [number, number];
}

export type StrictJson =
  | { readonly ok: true; readonly value: unknown; readonly duplicates: readonly DuplicateKey[] }
  /** A sentence with the line and column of the mistake. It never quotes the text. */
  | { readonly ok: false; readonly problem: string };

/** Values and keys that the parser reads in one turn of the event loop. */
export const STEPS_PER_TURN = 1_000;
/** How deep lists and objects may be nested. */
export const DEPTH_MAX = 64;

/** A list or an object whose end was not read yet. */
type Container = ListContainer | ObjectContainer;

interface ListContainer {
  readonly end: ']';
  readonly value: unknown[];
}

interface ObjectContainer {
  readonly end: '}';
  readonly value: Record<string, unknown>;
  /** The line of each key. */
  readonly lines: Map<string, number>;
  key: string;
}

/** The reading of one text. */
interface Parser {
  readonly scanner: Scanner;
  /** The lists and objects that have begun and not ended, the outermost first; at most `DEPTH_MAX`. */
  readonly stack: Container[];
  readonly duplicates: DuplicateKey[];
  /** The value of the whole text, once it was read. */
  result: unknown;
}

/**
 * Reads a JSON text as `JSON.parse` does; a byte order mark before it is allowed. Yields after each
 * `STEPS_PER_TURN` values and keys, for `runCooperatively`. At most `DEPTH_MAX` lists and objects may be
 * nested. For a key that occurs twice the last value counts; the caller refuses such a text.
 *
 * @example
 * runToEnd(strictJson('{"a": 1,\n"a": 2}'));
 * // { ok: true, value: { a: 2 }, duplicates: [{ path: ['a'], lines: [1, 2] }] }
 * runToEnd(strictJson('[1,]')); // { ok: false, problem: 'line 1, column 4: there must be a value' }
 */
export function* strictJson(text: string): Generator<void, StrictJson> {
  const parser: Parser = { scanner: createScanner(text), stack: [], duplicates: [], result: undefined };
  try {
    for (let steps = 1; ; steps++) {
      if (steps % STEPS_PER_TURN === 0) yield;
      if (readValue(parser)) break;
    }
  } catch (thrown) {
    if (thrown instanceof SyntaxProblem) return { ok: false, problem: thrown.message };
    throw thrown;
  }
  return { ok: true, value: parser.result, duplicates: parser.duplicates };
}

/**
 * Reads one value, with its key when it is in an object. Of a list or object that is not empty, it reads only the
 * beginning. Returns whether the whole text was read.
 */
function readValue(parser: Parser): boolean {
  const { scanner, stack } = parser;
  const within = stack.at(-1);
  if (within?.end === '}') readKey(parser, within);
  skipSpace(scanner);
  const open = openContainer(parser);
  if (open === undefined) return addValue(parser, readScalar(scanner));
  if (peek(scanner) !== open.end) return false;
  scanner.at += 1;
  stack.pop();
  return addValue(parser, open.value);
}

function readKey({ scanner, stack, duplicates }: Parser, open: ObjectContainer): void {
  if (peek(scanner) !== '"') throw syntaxProblem(scanner, 'there must be a key in double quotes');
  const found = readString(scanner);
  const first = open.lines.get(found);
  open.key = found;
  if (first === undefined) open.lines.set(found, scanner.line);
  else duplicates.push({ path: stack.map(placeIn), lines: [first, scanner.line] });
  skipSpace(scanner);
  if (peek(scanner) !== ':') throw syntaxProblem(scanner, 'there must be a colon');
  scanner.at += 1;
}

/** Opens the list or object that begins here, if one does. */
function openContainer({ scanner, stack }: Parser): Container | undefined {
  const begin = peek(scanner);
  if (begin !== '[' && begin !== '{') return undefined;
  if (stack.length === DEPTH_MAX) {
    throw syntaxProblem(scanner, `more than ${DEPTH_MAX} lists and objects are in one another`);
  }
  scanner.at += 1;
  const open: Container =
    begin === '[' ? { end: ']', value: [] } : { end: '}', value: {}, lines: new Map(), key: '' };
  stack.push(open);
  skipSpace(scanner);
  return open;
}

/**
 * Adds a whole value to its container and closes the containers that end after it. Returns whether the
 * whole text was read.
 */
function addValue(parser: Parser, whole: unknown): boolean {
  const { scanner, stack } = parser;
  for (let value = whole; ; ) {
    const open = stack.at(-1);
    skipSpace(scanner);
    if (open === undefined) {
      if (scanner.at < scanner.text.length) throw syntaxProblem(scanner, 'there is more behind the value');
      parser.result = value;
      return true;
    }
    add(open, value);
    if (peek(scanner) === ',') {
      scanner.at += 1;
      skipSpace(scanner);
      return false;
    }
    if (peek(scanner) !== open.end) throw syntaxProblem(scanner, `there must be a comma or ${open.end}`);
    scanner.at += 1;
    stack.pop();
    value = open.value;
  }
}

const placeIn = (open: Container): string | number => (open.end === ']' ? open.value.length : open.key);

function add(open: Container, value: unknown): void {
  if (open.end === ']') open.value.push(value);
  // An assignment would set the prototype.
  else if (open.key === '__proto__')
    Object.defineProperty(open.value, open.key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  else open.value[open.key] = value;
}

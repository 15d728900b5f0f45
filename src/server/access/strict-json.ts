/**
 * A strict parser for JSON that people write. It reports the line of a mistake, and every key that an object
 * has twice.
 *
 * `JSON.parse` silently takes the last of two equal keys, and reads a large text in one go. This parser gives
 * the same value, reports each such key, and yields after a bounded number of values.
 */

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

const SPACE = /[ \t\r\n]*/y;
const UNESCAPED = /[^"\\]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const WORDS: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };

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

/** A mistake in the text; thrown and caught in this module. */
class SyntaxProblem extends Error {}

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
  const stack: Container[] = [];
  const duplicates: DuplicateKey[] = [];
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 1;
  let lineStart = at;
  let steps = 0;

  function syntaxProblem(why = ''): SyntaxProblem {
    const what = at >= text.length ? 'the text ends too early' : why;
    return new SyntaxProblem(`line ${line}, column ${Math.min(at, text.length) - lineStart + 1}: ${what}`);
  }

  function take(pattern: RegExp): string {
    pattern.lastIndex = at;
    const taken = pattern.exec(text)?.[0] ?? '';
    at += taken.length;
    return taken;
  }

  function skipSpace(): void {
    const from = at;
    const space = take(SPACE);
    for (let i = space.indexOf('\n'); i !== -1; i = space.indexOf('\n', i + 1)) {
      line += 1;
      lineStart = from + i + 1;
    }
  }

  function string(): string {
    const from = at;
    at += 1;
    for (take(UNESCAPED); text[at] === '\\'; take(UNESCAPED)) at += 2;
    if (at >= text.length) throw syntaxProblem();
    at += 1;
    try {
      // A copy: a slice would keep the whole text, with its secrets, in memory.
      return JSON.parse(text.slice(from, at)) as string;
    } catch {
      at = from;
      throw syntaxProblem('the string has no end in its line, or something in it must be escaped');
    }
  }

  function key(open: ObjectContainer): void {
    if (text[at] !== '"') throw syntaxProblem('there must be a key in double quotes');
    const found = string();
    const first = open.lines.get(found);
    open.key = found;
    if (first === undefined) open.lines.set(found, line);
    else duplicates.push({ path: stack.map(placeIn), lines: [first, line] });
    skipSpace();
    if (text[at] !== ':') throw syntaxProblem('there must be a colon');
    at += 1;
  }

  function scalar(): unknown {
    if (text[at] === '"') return string();
    const word = take(WORD);
    if (word !== '') return WORDS[word];
    const number = take(NUMBER);
    if (number === '') throw syntaxProblem('there must be a value');
    return Number(number);
  }

  /** Opens the list or object that begins here, if one does. */
  function openContainer(): Container | undefined {
    const begin = text[at];
    if (begin !== '[' && begin !== '{') return undefined;
    if (stack.length === DEPTH_MAX)
      throw syntaxProblem(`more than ${DEPTH_MAX} lists and objects are in one another`);
    at += 1;
    const open: Container =
      begin === '[' ? { end: ']', value: [] } : { end: '}', value: {}, lines: new Map(), key: '' };
    stack.push(open);
    skipSpace();
    return open;
  }

  /**
   * Adds a whole value to its container and closes the containers that end after it. Returns whether the
   * whole text was read.
   */
  function addValue(whole: unknown): boolean {
    for (let value = whole; ; ) {
      const open = stack.at(-1);
      skipSpace();
      if (open === undefined) {
        if (at < text.length) throw syntaxProblem('there is more behind the value');
        result = value;
        return true;
      }
      add(open, value);
      if (text[at] === ',') {
        at += 1;
        skipSpace();
        return false;
      }
      if (text[at] !== open.end) throw syntaxProblem(`there must be a comma or ${open.end}`);
      at += 1;
      stack.pop();
      value = open.value;
    }
  }

  let result: unknown;
  try {
    for (;;) {
      steps += 1;
      if (steps % STEPS_PER_TURN === 0) yield;
      const within = stack.at(-1);
      if (within?.end === '}') key(within);
      skipSpace();
      const open = openContainer();
      if (open !== undefined && text[at] !== open.end) continue;
      if (open !== undefined) {
        at += 1;
        stack.pop();
      }
      if (addValue(open === undefined ? scalar() : open.value)) break;
    }
  } catch (thrown) {
    if (thrown instanceof SyntaxProblem) return { ok: false, problem: thrown.message };
    throw thrown;
  }
  return { ok: true, value: result, duplicates };
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

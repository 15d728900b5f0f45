/**
 * Checks the arguments of the library's functions where they come in, since a program in JavaScript has no compiler
 * that checks them.
 *
 * An argument of the wrong kind is a `TypeError`, a number out of its bounds a `RangeError`. The sentence names the
 * function or the operator, the argument or the option, the rule, and the value that came.
 */

import { checkNames } from '../base/option-names.ts';

/** A rule for a value. */
export interface Rule {
  /** Completes "must be …". */
  readonly words: string;
  readonly isKind: (value: unknown) => boolean;
  /** Checked only for values of that kind. */
  readonly isWithin?: (value: unknown) => boolean;
  /** What to do with a value that is often given by mistake: the end of the sentence, or null. */
  readonly hint?: (value: unknown) => string | null;
}

/** Rules for the fields of an object, by their names. */
export type Rules = Readonly<Record<string, Rule>>;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

export const TEXT: Rule = { words: 'a string', isKind: (value) => typeof value === 'string' };
export const FLAG: Rule = { words: 'true or false', isKind: (value) => typeof value === 'boolean' };
export const FUNCTION: Rule = { words: 'a function', isKind: (value) => typeof value === 'function' };
export const FILE_URL: Rule = {
  words: 'a file: URL',
  // Not by its class: a test runner may have put one of its own in the place of Node's.
  isKind: (value) => (value as { readonly protocol?: unknown } | null)?.protocol === 'file:',
};
export const LIST: Rule = { words: 'an array', isKind: Array.isArray };
export const RECORD: Rule = {
  words: 'an object',
  isKind: (value) => isObject(value) && !Array.isArray(value),
};
export const OBSERVABLE: Rule = {
  words: 'an Observable',
  isKind: (value) => isObject(value) && hasMethods(value, ['subscribe', 'pipe']),
};

/** The longest time that a timer can wait. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A number of any size, fractions and infinities too, but not NaN. */
export const numberFrom = (least: number, words = `a number from ${least}`): Rule => ({
  words,
  isKind: (value) => typeof value === 'number',
  isWithin: (value) => (value as number) >= least,
});

export const wholeFrom = (least: number, most: number = Number.MAX_SAFE_INTEGER): Rule => ({
  words: `a whole number from ${least} to ${most}`,
  isKind: (value) => typeof value === 'number',
  isWithin: (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
});

/** A time that a timer is set to: beyond its bounds a timer fires at once. */
export const MILLISECONDS: Rule = {
  words: `a number of milliseconds from 0 to ${TIMER_MAX_MS}`,
  isKind: (value) => typeof value === 'number',
  isWithin: (value) => (value as number) >= 0 && (value as number) <= TIMER_MAX_MS,
};

export const oneOf = (...choices: readonly unknown[]): Rule => ({
  words: choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice))).join(' or '),
  isKind: (value) => choices.includes(value),
});

/** An object with certain methods, whatever its class: a store, a connection. */
export const withMethods = (words: string, methods: readonly string[]): Rule => ({
  words,
  isKind: (value) => isObject(value) && hasMethods(value, methods),
});

export const FRAMING: Rule = {
  ...withMethods('a framing, such as lengthField({ … }) makes', ['headLength', 'parseHead']),
  hint: (value) => (CODEC.isKind(value) ? 'it is a codec: use frames(codec)' : null),
};
/** A codec has an object that decodes, and a function that encodes. */
export const CODEC: Rule = {
  words: 'a codec, such as lengthField({ … }) makes',
  isKind: (value) => isObject(value) && hasMethods(value, ['encode']) && isObject(value.decoder),
};
/** Not a socket, which has the same methods. */
export const CONNECTION: Rule = {
  words: 'a connection, such as connectTcp emits or fromSocket makes of a socket',
  isKind: (value) =>
    isObject(value) &&
    hasMethods(value, ['write', 'end', 'destroy', 'pause', 'resume']) &&
    OBSERVABLE.isKind(value.chunks$) &&
    OBSERVABLE.isKind(value.closed$),
  hint: (value) => {
    if (!isObject(value)) return null;
    if (hasMethods(value, ['addEventListener', 'send'])) return 'fromWebSocket makes one of a WebSocket';
    return hasMethods(value, ['setNoDelay', 'write']) ? 'fromSocket makes one of a socket' : null;
  },
};
export const STORE: Rule = {
  ...withMethods('a store, such as memoryStore makes', ['put', 'open', 'stat', 'list', 'remove', 'rename']),
  hint: (value) =>
    isObject(value) && typeof value.ok === 'boolean'
      ? 'openDiskStore answers an outcome: check its `ok`, and give its `value`'
      : null,
};
export const SCHEDULER = withMethods('a scheduler of RxJS', ['now', 'schedule']);

export const either = (first: Rule, second: Rule): Rule => ({
  words: `${first.words} or ${second.words}`,
  isKind: (value) => first.isKind(value) || second.isKind(value),
  isWithin: (value) => holds(first, value) || holds(second, value),
});

/** A value that may be left out. Null does not count as left out. */
export const optional = (rule: Rule): Rule => ({
  ...rule,
  isKind: (value) => value === undefined || rule.isKind(value),
  isWithin: (value) => value === undefined || rule.isWithin?.(value) !== false,
});

const hasMethods = (value: Readonly<Record<string, unknown>>, names: readonly string[]): boolean =>
  names.every((name) => typeof value[name] === 'function');

const holds = ({ isKind, isWithin }: Rule, value: unknown): boolean =>
  isKind(value) && isWithin?.(value) !== false;

/**
 * Checks one value.
 *
 * @param name the name of the value, as the sentence begins: `listenTcp: the options`.
 * @throws TypeError or RangeError with a sentence.
 */
export function check(name: string, value: unknown, { words, isKind, isWithin, hint }: Rule): void {
  if (!isKind(value)) {
    const advice = hint?.(value) ?? null;
    const end = advice === null ? '' : `: ${advice}`;
    throw new TypeError(`${name} must be ${words}, and is ${inWords(value)}${end}`);
  }
  if (isWithin?.(value) === false) {
    throw new RangeError(`${name} must be ${words}, and is ${inWords(value)}`);
  }
}

/** A rule for each option of `O`: the compiler says which are missing, and which there are not. */
export type RulesFor<O> = { readonly [Name in keyof Required<O>]: Rule };

/** Whatever it is: something else checks it. */
export const ANYTHING: Rule = { words: 'anything', isKind: () => true };

/**
 * Checks options, and refuses those that there are not.
 *
 * @param of the name of the function that takes them.
 * @param rules a rule for each option that there is.
 * @throws TypeError or RangeError with a sentence.
 */
export function checkOptions<O>(of: string, options: O, rules: RulesFor<O>): void {
  check(`${of}: its options`, options, RECORD);
  // A misspelt name first: without it another option may be missing.
  checkNames(of, options as object, rules);
  checkEach(of, options, rules);
}

/**
 * Checks an object and its fields. Fields without a rule are ignored.
 *
 * @param of the name of the function that takes the object.
 * @throws TypeError or RangeError with a sentence.
 */
export function checkFields(of: string, options: unknown, rules: Rules): void {
  check(`${of}: its options`, options, RECORD);
  checkEach(of, options, rules);
}

function checkEach(of: string, options: unknown, rules: Rules): void {
  for (const field in rules) {
    const rule = rules[field]!;
    const value = (options as Readonly<Record<string, unknown>>)[field];
    // The name is made for a sentence only: a client checks several options of each small file.
    if (!holds(rule, value)) check(`${of}: ${field}`, value, rule);
  }
}

/** The most characters of a string that are quoted. */
const QUOTED_MAX = 40;

/** Describes a value for a sentence: `the string "abc"`, `an ArrayBuffer`, `an array`. */
export function inWords(value: unknown): string {
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return value.length <= QUOTED_MAX
        ? `the string ${JSON.stringify(value)}`
        : `a string of ${value.length} characters`;
    case 'bigint':
      return 'a BigInt';
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object': {
      if (Array.isArray(value)) return 'an array';
      const { name } = (value as { readonly constructor?: { readonly name?: unknown } }).constructor ?? {};
      if (typeof name !== 'string' || name === '' || name === 'Object') return 'an object';
      return `${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${name}`;
    }
    default:
      return String(value);
  }
}

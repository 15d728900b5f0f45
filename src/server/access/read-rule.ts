/**
 * One rule of an access file, read strictly. Each mistake is reported with its place, and no sentence about one ever
 * quotes a token.
 */
import { allRights, type Principal, type Right } from '../../files/protocol/access.ts';
import { explainBadFilename } from '../../files/protocol/filename.ts';

/** The principal that a token or a certificate stands for, and how much it may store. */
export interface AccessRule extends Principal {
  /** Bytes below the prefix; absent: no bound but the server's. */
  readonly quota?: number;
}

export interface TokenRule extends AccessRule {
  /** The SHA-256 of the token, 64 hexadecimal digits, lower case. */
  readonly sha256: string;
}

export interface CertificateRule extends AccessRule {
  readonly subject?: string;
  readonly commonName?: string;
}

/** The reading of one file. */
export interface RulesReading {
  /** Gives the SHA-256 of a text in UTF-8 as 64 lower case hexadecimal digits. */
  readonly sha256: (text: string) => string;
  /** Descriptions of the SHA-256s that stand for no token, by SHA-256. */
  readonly placeholders: ReadonlyMap<string, string>;
  /** One line for each mistake so far. */
  readonly problems: string[];
}

/** The least number of characters of a token: a shorter one can be guessed. */
const TOKEN_LENGTH_MIN = 16;
/** The most characters of a token that `hello` accepts. */
const TOKEN_LENGTH_MAX = 1024;

const COMMON_FIELDS = ['name', 'rights', 'prefix', 'quota'];

const unsetVariable = (command: string) => `as \`${command} | sha256sum\` gives it when TOKEN is not set`;
const SINGLE_QUOTED = 'as single quotes around "$TOKEN" keep the shell from putting the token there';
const MISSING_VALUE = 'as a script or jq puts it in place of a token that is missing';

/**
 * The texts that scripts hash by mistake when a token is missing, each with a description of its SHA-256. Such a
 * SHA-256 looks like any other, and it would let every peer in.
 */
const PLACEHOLDERS: readonly (readonly [string, string])[] = [
  ['', `the SHA-256 of nothing, ${unsetVariable('printf %s "$TOKEN"')}`],
  ['\n', `the SHA-256 of an empty line, ${unsetVariable('echo "$TOKEN"')}`],
  ['\r\n', `the SHA-256 of an empty line, ${unsetVariable('echo "$TOKEN"')}`],
  ['$TOKEN', `the SHA-256 of the word $TOKEN, ${SINGLE_QUOTED}`],
  ['$TOKEN\n', `the SHA-256 of the word $TOKEN, ${SINGLE_QUOTED}`],
  ['null', `the SHA-256 of the word null, ${MISSING_VALUE}`],
  ['null\n', `the SHA-256 of the word null, ${MISSING_VALUE}`],
  ['undefined', `the SHA-256 of the word undefined, ${MISSING_VALUE}`],
  ['undefined\n', `the SHA-256 of the word undefined, ${MISSING_VALUE}`],
];

export const createRulesReading = (sha256: RulesReading['sha256']): RulesReading => ({
  sha256,
  placeholders: new Map(PLACEHOLDERS.map(([text, description]) => [sha256(text), description])),
  problems: [],
});

export function addProblem({ problems }: RulesReading, where: string, why: string): void {
  problems.push(`${where}: ${why}`);
}

/**
 * Whether a message may show the name of a field. A token may stand there by mistake, and a token is longer.
 */
export const isShown = (field: string): boolean => /^\w+$/.test(field) && field.length < TOKEN_LENGTH_MIN;

/** The fields of an object; null when the value is none. Fields that are not known are problems. */
export function fieldsOf(
  reading: RulesReading,
  value: unknown,
  where: string,
  known: readonly string[],
): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    addProblem(reading, where, 'must be an object');
    return null;
  }
  for (const field of Object.keys(value)) {
    if (known.includes(field)) continue;
    const shown = isShown(field) ? `.${field}` : '';
    addProblem(
      reading,
      `${where}${shown}`,
      `${shown ? 'is' : 'has a field that is'} not known; there are ${known.join(', ')}`,
    );
  }
  return value as Record<string, unknown>;
}

/** The items of a list; of a list that is absent, none. */
export function listIn(reading: RulesReading, value: unknown, where: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  addProblem(reading, where, 'must be a list');
  return [];
}

export function principalOf(
  reading: RulesReading,
  fields: Readonly<Record<string, unknown>>,
  where: string,
  name: string,
): Principal {
  const rights = new Set<Right>();
  for (const [i, right] of listIn(reading, fields.rights, `${where}.rights`).entries()) {
    if (allRights.includes(right as Right)) rights.add(right as Right);
    else addProblem(reading, `${where}.rights[${i}]`, 'must be read, write, delete or observe');
  }
  if (fields.rights === undefined) {
    addProblem(reading, `${where}.rights`, 'is missing: a list of read, write, delete and observe');
  }
  const { prefix = '' } = fields;
  const why = typeof prefix === 'string' ? explainPrefix(prefix) : 'it is not a string';
  if (why !== null) addProblem(reading, `${where}.prefix`, `cannot begin a file name: ${why}`);
  return { name, rights: [...rights], prefix: typeof prefix === 'string' ? prefix : '' };
}

/** A prefix is the beginning of a file name; it may end with a `/`. */
function explainPrefix(prefix: string): string | null {
  if (prefix === '') return null;
  return explainBadFilename(prefix.endsWith('/') ? `${prefix}x` : prefix);
}

/** The part that the rules of tokens and of certificates have in common. */
function ruleOf(reading: RulesReading, fields: Readonly<Record<string, unknown>>, where: string): AccessRule {
  const { name, quota } = fields;
  const isName = typeof name === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(name);
  if (!isName) addProblem(reading, `${where}.name`, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ -');
  const principal = principalOf(reading, fields, where, isName ? name : '');
  if (quota === undefined) return principal;
  if (!Number.isSafeInteger(quota) || (quota as number) < 0) {
    addProblem(reading, `${where}.quota`, 'must be a whole number of bytes');
  }
  return { ...principal, quota: quota as number };
}

/** Reads the rule of a token; null when it names no token that can be used. */
export function readTokenRule(reading: RulesReading, value: unknown, where: string): TokenRule | null {
  const fields = fieldsOf(reading, value, where, [...COMMON_FIELDS, 'token', 'sha256']);
  if (fields === null) return null;
  const rule = ruleOf(reading, fields, where);
  const { token, sha256: digest } = fields;
  if ((token === undefined) === (digest === undefined)) {
    addProblem(reading, where, "must have either 'token' or 'sha256', the SHA-256 of one");
    return null;
  }
  if (token === undefined) {
    const why = explainDigest(reading, digest);
    if (why === null) return { ...rule, sha256: (digest as string).toLowerCase() };
    addProblem(reading, `${where}.sha256`, why);
    return null;
  }
  if (typeof token === 'string' && token.length >= TOKEN_LENGTH_MIN && token.length <= TOKEN_LENGTH_MAX) {
    return { ...rule, sha256: reading.sha256(token) };
  }
  addProblem(
    reading,
    `${where}.token`,
    `must have ${TOKEN_LENGTH_MIN} to ${TOKEN_LENGTH_MAX} characters: a shorter one can be guessed`,
  );
  return null;
}

/** Explains why a value cannot be the SHA-256 of a token; null when it can. */
function explainDigest({ placeholders }: RulesReading, digest: unknown): string | null {
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/i.test(digest)) return 'must be 64 hexadecimal digits';
  const description = placeholders.get(digest.toLowerCase());
  if (description === undefined) return null;
  return `is ${description}; anybody could say that, so hash the token itself`;
}

/** Reads the rule of a certificate; null when it names none. */
export function readCertificateRule(
  reading: RulesReading,
  value: unknown,
  where: string,
): CertificateRule | null {
  const fields = fieldsOf(reading, value, where, [...COMMON_FIELDS, 'subject', 'commonName']);
  if (fields === null) return null;
  const rule = ruleOf(reading, fields, where);
  const { subject, commonName } = fields;
  if (typeof subject === 'string' && commonName === undefined) return { ...rule, subject };
  if (typeof commonName === 'string' && subject === undefined) return { ...rule, commonName };
  addProblem(reading, where, "must have either 'subject', as in O=Acme,CN=alice, or 'commonName', a string");
  return null;
}

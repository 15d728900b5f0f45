/**
 * The access rules of a JSON file, read strictly, with the place of every mistake. No sentence about them
 * ever quotes a token.
 */
import { allRights, type Principal, type Right } from '../../files/protocol/access.ts';
import { explainBadFilename } from '../../files/protocol/filename.ts';
import { placeholderDigests } from './placeholder-digests.ts';

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

/**
 * Maps, so that the lookup at each `hello` and for each connection takes the same time however many rules
 * there are.
 */
export interface AccessRules {
  /** By the SHA-256. */
  readonly tokens: ReadonlyMap<string, TokenRule>;
  readonly bySubject: ReadonlyMap<string, CertificateRule>;
  readonly byCommonName: ReadonlyMap<string, CertificateRule>;
  /** The rules of tokens and of certificates. */
  readonly byName: ReadonlyMap<string, TokenRule | CertificateRule>;
  readonly quotas: readonly { readonly prefix: string; readonly bytes: number }[];
  /**
   * The principal of a peer that has presented neither a token nor a certificate; null when such a peer is
   * not admitted.
   */
  readonly anonymous: Principal | null;
}

export type ReadRules =
  | { readonly ok: true; readonly value: AccessRules }
  /** One line for each mistake: `tokens[2].rights[0]: must be read, write or delete`. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** The least number of characters of a token: a shorter one can be guessed. */
const TOKEN_LENGTH_MIN = 16;
/** The most characters of a token that `hello` accepts. */
const TOKEN_LENGTH_MAX = 1024;
/** Rules that are read in one turn of the event loop. */
export const RULES_PER_TURN = 100;

/**
 * Whether a message may show the name of a field. A token may stand there by mistake, and a token is longer.
 */
export const isShown = (field: string): boolean => /^\w+$/.test(field) && field.length < TOKEN_LENGTH_MIN;

/**
 * Yields after each `RULES_PER_TURN` rules.
 *
 * @param sha256 gives the SHA-256 of a text in UTF-8 as hexadecimal digits.
 * @example runToEnd(readRules({ tokens: [{ name: 'a', token: 'x', rights: ['read'] }] }, sha256)).problems
 * // ['tokens[0].token: must have 16 to 1024 characters: a shorter one can be guessed']
 */
export function* readRules(json: unknown, sha256: (text: string) => string): Generator<void, ReadRules> {
  const problems: string[] = [];
  const placeholders = placeholderDigests(sha256);
  const addProblem = (where: string, why: string) => void problems.push(`${where}: ${why}`);

  function fieldsOf(value: unknown, where: string, known: readonly string[]): Record<string, unknown> | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      addProblem(where, 'must be an object');
      return null;
    }
    for (const field of Object.keys(value)) {
      if (known.includes(field)) continue;
      const shown = isShown(field) ? `.${field}` : '';
      addProblem(
        `${where}${shown}`,
        `${shown ? 'is' : 'has a field that is'} not known; there are ${known.join(', ')}`,
      );
    }
    return value as Record<string, unknown>;
  }

  function listIn(value: unknown, where: string): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    addProblem(where, 'must be a list');
    return [];
  }

  function principalOf(fields: Record<string, unknown>, where: string, name: string): Principal {
    const rights = new Set<Right>();
    for (const [i, right] of listIn(fields.rights, `${where}.rights`).entries()) {
      if (allRights.includes(right as Right)) rights.add(right as Right);
      else addProblem(`${where}.rights[${i}]`, 'must be read, write or delete');
    }
    if (fields.rights === undefined)
      addProblem(`${where}.rights`, 'is missing: a list of read, write and delete');
    const { prefix = '' } = fields;
    const why = typeof prefix === 'string' ? explainPrefix(prefix) : 'it is not a string';
    if (why !== null) addProblem(`${where}.prefix`, `cannot begin a file name: ${why}`);
    return { name, rights: [...rights], prefix: typeof prefix === 'string' ? prefix : '' };
  }

  function ruleOf(fields: Record<string, unknown>, where: string): AccessRule {
    const { name, quota } = fields;
    const isName = typeof name === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(name);
    if (!isName) addProblem(`${where}.name`, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ -');
    const principal = principalOf(fields, where, isName ? name : '');
    if (quota === undefined) return principal;
    if (!Number.isSafeInteger(quota) || (quota as number) < 0) {
      addProblem(`${where}.quota`, 'must be a whole number of bytes');
    }
    return { ...principal, quota: quota as number };
  }

  const COMMON_FIELDS = ['name', 'rights', 'prefix', 'quota'];

  function explainDigest(digest: unknown): string | null {
    if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/i.test(digest)) return 'must be 64 hexadecimal digits';
    const how = placeholders.get(digest.toLowerCase());
    return how === undefined ? null : `is ${how}; anybody could say that, so hash the token itself`;
  }

  function tokenOf(value: unknown, where: string): TokenRule | null {
    const fields = fieldsOf(value, where, [...COMMON_FIELDS, 'token', 'sha256']);
    if (fields === null) return null;
    const rule = ruleOf(fields, where);
    const { token, sha256: digest } = fields;
    if ((token === undefined) === (digest === undefined)) {
      addProblem(where, "must have either 'token' or 'sha256', the SHA-256 of one");
      return null;
    }
    if (token === undefined) {
      const why = explainDigest(digest);
      if (why === null) return { ...rule, sha256: (digest as string).toLowerCase() };
      addProblem(`${where}.sha256`, why);
      return null;
    }
    if (typeof token === 'string' && token.length >= TOKEN_LENGTH_MIN && token.length <= TOKEN_LENGTH_MAX) {
      return { ...rule, sha256: sha256(token) };
    }
    addProblem(
      `${where}.token`,
      `must have ${TOKEN_LENGTH_MIN} to ${TOKEN_LENGTH_MAX} characters: a shorter one can be guessed`,
    );
    return null;
  }

  function certificateOf(value: unknown, where: string): CertificateRule | null {
    const fields = fieldsOf(value, where, [...COMMON_FIELDS, 'subject', 'commonName']);
    if (fields === null) return null;
    const rule = ruleOf(fields, where);
    const { subject, commonName } = fields;
    if (typeof subject === 'string' && commonName === undefined) return { ...rule, subject };
    if (typeof commonName === 'string' && subject === undefined) return { ...rule, commonName };
    addProblem(where, "must have either 'subject', as in O=Acme,CN=alice, or 'commonName', a string");
    return null;
  }

  /** Reads a list of rules, a few in each turn. */
  function* rulesOf<T>(value: unknown, where: string, read: (each: unknown, where: string) => T | null) {
    const rules: T[] = [];
    for (const [i, each] of listIn(value, where).entries()) {
      if (i % RULES_PER_TURN === 0) yield;
      const rule = read(each, `${where}[${i}]`);
      if (rule !== null) rules.push(rule);
    }
    return rules;
  }

  const fields = fieldsOf(json, 'the file', ['tokens', 'certificates', 'anybody']) ?? {};
  const tokenRules = yield* rulesOf(fields.tokens, 'tokens', tokenOf);
  const certificateRules = yield* rulesOf(fields.certificates, 'certificates', certificateOf);
  const anonymousFields =
    fields.anybody === undefined ? null : fieldsOf(fields.anybody, 'anybody', ['rights', 'prefix']);
  const anonymous = anonymousFields === null ? null : principalOf(anonymousFields, 'anybody', '');

  const tokens = new Map<string, TokenRule>();
  const bySubject = new Map<string, CertificateRule>();
  const byCommonName = new Map<string, CertificateRule>();
  const byName = new Map<string, TokenRule | CertificateRule>();
  const quotaByPrefix = new Map<string, number>();
  const quotas: { readonly prefix: string; readonly bytes: number }[] = [];

  /** Checks what no two rules may share: a name, or different quotas for one prefix. */
  function add(rule: TokenRule | CertificateRule): void {
    const { name, prefix, quota } = rule;
    if (name !== '' && byName.has(name)) {
      addProblem('the file', `has the name '${name}' twice: names keep uploads apart`);
    }
    byName.set(name, rule);
    if (quota === undefined) return;
    const other = quotaByPrefix.get(prefix) ?? quota;
    if (other !== quota)
      addProblem('the file', `has another quota for '${name}' than for others of its prefix`);
    quotaByPrefix.set(prefix, quota);
    quotas.push({ prefix, bytes: quota });
  }

  function addToken(rule: TokenRule): void {
    const other = tokens.get(rule.sha256);
    if (other !== undefined) addProblem('tokens', `'${other.name}' and '${rule.name}' have the same token`);
    tokens.set(rule.sha256, rule);
    add(rule);
  }

  function addCertificate(rule: CertificateRule): void {
    const { subject, commonName } = rule;
    const [found, key] = subject === undefined ? [byCommonName, commonName!] : [bySubject, subject];
    if (found.has(key)) addProblem('certificates', 'have the same subject or common name twice');
    found.set(key, rule);
    add(rule);
  }

  for (const [i, rule] of tokenRules.entries()) {
    if (i % RULES_PER_TURN === 0) yield;
    addToken(rule);
  }
  for (const [i, rule] of certificateRules.entries()) {
    if (i % RULES_PER_TURN === 0) yield;
    addCertificate(rule);
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { tokens, bySubject, byCommonName, byName, quotas, anonymous } };
}

/** A prefix is the beginning of a file name; it may end with a `/`. */
function explainPrefix(prefix: string): string | null {
  if (prefix === '') return null;
  return explainBadFilename(prefix.endsWith('/') ? `${prefix}x` : prefix);
}

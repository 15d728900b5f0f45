/**
 * The access rules of a JSON file: all of them, indexed, and with what no two of them may share.
 */
import type { Principal } from '../../files/protocol/access.ts';
import type { Quota } from '../../store/quota/quotas.ts';
import {
  addProblem,
  type CertificateRule,
  createRulesReading,
  fieldsOf,
  listIn,
  principalOf,
  type RulesReading,
  readCertificateRule,
  readTokenRule,
  type TokenRule,
} from './read-rule.ts';

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
  readonly quotas: readonly Quota[];
  /**
   * The principal of a peer that has presented neither a token nor a certificate; null when such a peer is
   * not admitted.
   */
  readonly anonymous: Principal | null;
}

export type ReadRules =
  | { readonly ok: true; readonly value: AccessRules }
  /** One line for each mistake: `tokens[2].rights[0]: must be read, write, delete or observe`. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Rules that are read in one turn of the event loop. */
export const RULES_PER_TURN = 100;

/**
 * Yields after each `RULES_PER_TURN` rules.
 *
 * @param sha256 gives the SHA-256 of a text in UTF-8 as hexadecimal digits.
 * @example runToEnd(readRules({ tokens: [{ name: 'a', token: 'x', rights: ['read'] }] }, sha256)).problems
 * // ['tokens[0].token: must have 16 to 1024 characters: a shorter one can be guessed']
 */
export function* readRules(json: unknown, sha256: (text: string) => string): Generator<void, ReadRules> {
  const reading = createRulesReading(sha256);
  const fields = fieldsOf(reading, json, 'the file', ['tokens', 'certificates', 'anybody']) ?? {};
  const tokenRules = yield* readList(reading, fields.tokens, 'tokens', readTokenRule);
  const certificateRules = yield* readList(reading, fields.certificates, 'certificates', readCertificateRule);
  const anonymous = readAnonymous(reading, fields.anybody);
  const index = createIndex();
  yield* inTurns(tokenRules, (rule) => addToken(reading, index, rule));
  yield* inTurns(certificateRules, (rule) => addCertificate(reading, index, rule));
  if (reading.problems.length > 0) return { ok: false, problems: reading.problems };
  const { tokens, bySubject, byCommonName, byName, quotas } = index;
  return { ok: true, value: { tokens, bySubject, byCommonName, byName, quotas, anonymous } };
}

/** Reads a list of rules, and leaves out those that cannot be used. */
function* readList<T>(
  reading: RulesReading,
  value: unknown,
  where: string,
  readOne: (reading: RulesReading, value: unknown, where: string) => T | null,
): Generator<void, readonly T[]> {
  const rules: T[] = [];
  yield* inTurns(listIn(reading, value, where), (each, i) => {
    const rule = readOne(reading, each, `${where}[${i}]`);
    if (rule !== null) rules.push(rule);
  });
  return rules;
}

/** Handles the items of a list in order, a few in each turn of the event loop. */
function* inTurns<T>(items: readonly T[], handle: (item: T, i: number) => void): Generator<void, void> {
  for (const [i, item] of items.entries()) {
    if (i % RULES_PER_TURN === 0) yield;
    handle(item, i);
  }
}

function readAnonymous(reading: RulesReading, value: unknown): Principal | null {
  if (value === undefined) return null;
  const fields = fieldsOf(reading, value, 'anybody', ['rights', 'prefix']);
  return fields === null ? null : principalOf(reading, fields, 'anybody', '');
}

/** The rules that were added so far. */
interface RuleIndex {
  readonly tokens: Map<string, TokenRule>;
  readonly bySubject: Map<string, CertificateRule>;
  readonly byCommonName: Map<string, CertificateRule>;
  readonly byName: Map<string, TokenRule | CertificateRule>;
  readonly quotaByPrefix: Map<string, number>;
  readonly quotas: Quota[];
}

const createIndex = (): RuleIndex => ({
  tokens: new Map(),
  bySubject: new Map(),
  byCommonName: new Map(),
  byName: new Map(),
  quotaByPrefix: new Map(),
  quotas: [],
});

function addToken(reading: RulesReading, index: RuleIndex, rule: TokenRule): void {
  const { tokens } = index;
  const other = tokens.get(rule.sha256);
  if (other !== undefined) {
    addProblem(reading, 'tokens', `'${other.name}' and '${rule.name}' have the same token`);
  }
  tokens.set(rule.sha256, rule);
  addNamed(reading, index, rule);
}

function addCertificate(reading: RulesReading, index: RuleIndex, rule: CertificateRule): void {
  const { subject, commonName } = rule;
  const [found, key] = subject === undefined ? [index.byCommonName, commonName!] : [index.bySubject, subject];
  if (found.has(key)) addProblem(reading, 'certificates', 'have the same subject or common name twice');
  found.set(key, rule);
  addNamed(reading, index, rule);
}

/** Checks what no two rules may share: a name, or different quotas for one prefix. */
function addNamed(reading: RulesReading, index: RuleIndex, rule: TokenRule | CertificateRule): void {
  const { byName, quotaByPrefix, quotas } = index;
  const { name, prefix, quota } = rule;
  if (name !== '' && byName.has(name)) {
    addProblem(reading, 'the file', `has the name '${name}' twice: names keep uploads apart`);
  }
  byName.set(name, rule);
  if (quota === undefined) return;
  const other = quotaByPrefix.get(prefix) ?? quota;
  if (other !== quota) {
    addProblem(reading, 'the file', `has another quota for '${name}' than for others of its prefix`);
  }
  quotaByPrefix.set(prefix, quota);
  quotas.push({ prefix, bytes: quota });
}

/**
 * What an access file says, read strictly: who has which token or certificate, and what they may do.
 *
 * Every message names the entry and the field, as in `tokens[2].rights[0]`, and quotes no value, since it might be
 * a token. Tokens are kept as their SHA-256 alone.
 */
import { createHash } from 'node:crypto';
import { allRights, type Principal, type Right } from '../protocol/access.ts';
import { whyNotFilename } from '../protocol/filename.ts';

export interface TokenRule {
  readonly sha256: Buffer;
  readonly principal: Principal;
}

/** One of the two is null. */
export interface CertificateRule {
  readonly subject: string | null;
  readonly commonName: string | null;
  readonly principal: Principal;
}

/** How many bytes may be stored under names that start so. */
export interface QuotaRule {
  readonly prefix: string;
  readonly bytes: number;
}

export interface AccessRules {
  readonly tokens: readonly TokenRule[];
  readonly certificates: readonly CertificateRule[];
  /** Who has shown nothing; null when that is nobody. */
  readonly anybody: Principal | null;
  readonly quotas: readonly QuotaRule[];
}

export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };

/** Characters: what a machine cannot guess, if they are random. A server allows as many guesses as there is time for. */
const leastToken = 16;
/** What `hello` can bear. */
const mostToken = 1024;
const nameShape = /^[A-Za-z0-9_-]{1,64}$/;

type Fields = Readonly<Record<string, unknown>>;

/** Thrown and caught in this file alone. */
class Wrong extends Error {}

function wrong(where: string, what: string): never {
  throw new Wrong(where === '' ? what : `${where}: ${what}`);
}

/**
 * Reads the text of an access file.
 *
 * @example
 * readAccessRules('{ "tokens": [{ "name": "ci", "token": "…", "rights": ["write"], "prefix": "builds/" }] }')
 */
export function readAccessRules(text: string): Read<AccessRules> {
  try {
    return { ok: true, value: rulesOf(parsed(text)) };
  } catch (error) {
    if (error instanceof Wrong) return { ok: false, message: error.message };
    throw error;
  }
}

/** The engine's own message would quote the file. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const position = /position (\d+)/.exec(String(error))?.[1];
    const line = position === undefined ? null : text.slice(0, Number(position)).split('\n').length;
    return wrong('', line === null ? 'it is not JSON' : `it is not JSON: see line ${line}`);
  }
}

function rulesOf(value: unknown): AccessRules {
  const { tokens, certificates, anybody } = fieldsOf(value, '', ['tokens', 'certificates', 'anybody']);
  const quotas = new Map<string, number>();
  const names = new Map<string, string>();
  const principal = (entry: Fields, where: string): Principal => {
    const name = nameOf(entry.name, `${where}.name`);
    once(names, name, `${where}.name`);
    const found = { name, rights: rightsOf(entry.rights, where), prefix: prefixOf(entry.prefix, where) };
    countQuota(quotas, entry.quota, found.prefix, where);
    return found;
  };
  const known = new Map<string, string>();
  const subjects = new Map<string, string>();
  return {
    tokens: listOf(tokens, 'tokens').map((entry, at) => {
      const where = `tokens[${at}]`;
      const fields = fieldsOf(entry, where, ['name', 'token', 'sha256', 'rights', 'prefix', 'quota']);
      const sha256 = digestOf(fields, where);
      once(known, sha256.toString('hex'), where);
      return { sha256, principal: principal(fields, where) };
    }),
    certificates: listOf(certificates, 'certificates').map((entry, at) => {
      const where = `certificates[${at}]`;
      const fields = fieldsOf(entry, where, ['subject', 'commonName', 'name', 'rights', 'prefix', 'quota']);
      const shown = shownBy(fields, where);
      once(subjects, JSON.stringify(shown), where);
      return { ...shown, principal: principal(fields, where) };
    }),
    anybody: anybody === undefined ? null : anybodyOf(anybody),
    quotas: [...quotas].map(([prefix, bytes]) => ({ prefix, bytes })),
  };
}

function anybodyOf(value: unknown): Principal {
  const { rights, prefix } = fieldsOf(value, 'anybody', ['rights', 'prefix']);
  return { name: '', rights: rightsOf(rights, 'anybody'), prefix: prefixOf(prefix, 'anybody') };
}

function fieldsOf(value: unknown, where: string, allowed: readonly string[]): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) wrong(where, 'must be an object');
  for (const field of Object.keys(value)) {
    if (allowed.includes(field)) continue;
    // A token in the place of a field's name must not be shown either, and is longer.
    const shown = /^\w+$/.test(field) && field.length < leastToken ? ` '${field}'` : '';
    wrong(where, `there is no such field${shown}: there may be ${allowed.join(', ')}`);
  }
  return value as Fields;
}

function listOf(value: unknown, where: string): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : wrong(where, 'must be a list');
}

/** Refuses what another entry has already. */
function once(seen: Map<string, string>, what: string, where: string): void {
  const other = seen.get(what);
  if (other !== undefined) wrong(where, `must be another than that of ${other}`);
  seen.set(what, where);
}

function nameOf(value: unknown, where: string): string {
  if (typeof value === 'string' && nameShape.test(value)) return value;
  return wrong(where, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ -');
}

function rightsOf(value: unknown, of: string): readonly Right[] {
  const where = `${of}.rights`;
  if (value === undefined) wrong(where, 'is missing: it must be a list of read, write and delete');
  const rights = listOf(value, where).map((right, at) => {
    const found = allRights.find((known) => known === right);
    return found ?? wrong(`${where}[${at}]`, 'must be read, write or delete');
  });
  return allRights.filter((right) => rights.includes(right));
}

function prefixOf(value: unknown, of: string): string {
  if (value === undefined) return '';
  const where = `${of}.prefix`;
  if (value === '') wrong(where, 'is empty: leave it out for no bound');
  const why = whyNotFilename(typeof value === 'string' ? value.replace(/\/$/, '') : value);
  return why === null ? (value as string) : wrong(where, `is not how a file name can begin: ${why}`);
}

function countQuota(quotas: Map<string, number>, value: unknown, prefix: string, of: string): void {
  if (value === undefined) return;
  const where = `${of}.quota`;
  if (!Number.isSafeInteger(value) || (value as number) < 0) wrong(where, 'must be a whole number of bytes');
  if (prefix === '') wrong(where, 'needs a prefix: it bounds what is stored under that');
  if ((quotas.get(prefix) ?? value) !== value) wrong(where, 'must be the same for all that share a prefix');
  quotas.set(prefix, value as number);
}

function digestOf({ token, sha256 }: Fields, where: string): Buffer {
  if ((token === undefined) === (sha256 === undefined)) wrong(where, 'must have either token or sha256');
  if (token === undefined) {
    if (typeof sha256 === 'string' && /^[0-9a-fA-F]{64}$/.test(sha256)) return Buffer.from(sha256, 'hex');
    return wrong(`${where}.sha256`, "must be the token's SHA-256, as 64 hexadecimal digits");
  }
  if (typeof token !== 'string') return wrong(`${where}.token`, 'must be a string');
  if (token.length < leastToken) {
    const why = 'a shorter one can be guessed; "openssl rand -hex 16" makes a good one';
    wrong(`${where}.token`, `must be at least ${leastToken} characters: ${why}`);
  }
  if (token.length > mostToken) wrong(`${where}.token`, `must be at most ${mostToken} characters`);
  return digest(token);
}

/** What a token is known by. */
export const digest = (token: string): Buffer => createHash('sha256').update(token, 'utf8').digest();

function shownBy(fields: Fields, where: string): Pick<CertificateRule, 'subject' | 'commonName'> {
  if ((fields.subject === undefined) === (fields.commonName === undefined)) {
    wrong(where, 'must have either subject or commonName');
  }
  const text = (field: 'subject' | 'commonName'): string | null => {
    const value = fields[field];
    if (value === undefined) return null;
    if (typeof value === 'string' && value !== '') return value;
    return wrong(`${where}.${field}`, 'must be a string, and not empty');
  };
  return { subject: text('subject'), commonName: text('commonName') };
}

/**
 * Who is let in, out of a file that can be read again while the server runs.
 *
 * Tokens are kept as their SHA-256 only, and looked up by it: a `hello` costs the same however many there are. The time
 * that takes says nothing of any token. It depends on the SHA-256 of what was said alone; and who would find out by it
 * how a stored one begins could not choose what to say next, since nobody can make a text of a SHA-256.
 *
 * To read the file again keeps nobody waiting: it is parsed, checked and made known in pieces, a turn each.
 */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { Principal } from '../../files/protocol/access.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import type { Access } from '../../runtime/access.ts';
import type { Certificate } from '../../transport/connection.ts';
import { check, TEXT } from '../../wire/argument.ts';
import { toldInTurns } from '../told-in-turns.ts';
import { inTurns } from '../turns.ts';
import {
  type AccessRules,
  type CertificateRule,
  isShown,
  type ReadRules,
  readRules,
  type TokenRule,
} from './access-rules.ts';
import { type DuplicateKey, strictJson } from './strict-json.ts';

export interface AccessFile {
  readonly access: Access;
  /** What may be stored below which prefix, as the rules are now: the same list until they change. */
  readonly quotas: () => readonly { readonly prefix: string; readonly bytes: number }[];
  /** What the operator should know: that others can read the file. As of the last reading. */
  readonly warnings: readonly string[];
  /**
   * Reads the file again, after those readings that are under way. When it is wrong the rules stay as they were, and the
   * problems are the answer. Else it has come to every connection once this resolves.
   */
  readonly reload: () => Promise<readonly string[]>;
}

export type OpenedAccess =
  | { readonly ok: true; readonly value: AccessFile }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Bytes of the file: some 50,000 tokens. */
const BYTES_MAX = 8 * 1024 * 1024;
/** Problems that are told; of the others, how many there are. */
const PROBLEMS_TOLD_MAX = 20;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Opens an access file (the README says what it holds). The problems name the entry and the field, never a token.
 *
 * @example
 * const file = await openAccessFile('access.json');
 * if (!file.ok) throw new Error(file.problems.join('\n'));
 * serve({ connections$, store, access: file.value.access });
 */
export async function openAccessFile(path: string): Promise<OpenedAccess> {
  check('openAccessFile: the path', path, TEXT);
  const first = await readAccess(path);
  if (!first.ok) return first;
  let { rules, warnings } = first.value;
  const changed = toldInTurns();
  let reading: Promise<unknown> = Promise.resolve();

  const access: Access = {
    changed$: changed.told$,
    initial: (certificate) => byCertificate(rules, certificate) ?? rules.anybody,
    byToken: (token) => {
      const rule = rules.tokens.get(digestOf(token));
      return rule === undefined ? null : principalOf(rule);
    },
    current: (principal) => {
      if (principal.name === '') return rules.anybody;
      const rule = rules.byName.get(principal.name);
      // A token that was exchanged for another is as gone as one that was taken out.
      return rule === undefined || shownFor(rule) !== shownBy.get(principal) ? null : principalOf(rule);
    },
  };

  async function readAgain(): Promise<readonly string[]> {
    const again = await readAccess(path);
    if (!again.ok) return again.problems;
    ({ rules, warnings } = again.value);
    await changed.tell();
    return [];
  }

  return {
    ok: true,
    value: {
      access,
      quotas: () => rules.quotas,
      get warnings() {
        return warnings;
      },
      // One after the other, so that what was read first never comes to replace what was read last.
      reload: () => {
        const problems = reading.then(readAgain);
        reading = problems.catch(() => {});
        return problems;
      },
    },
  };
}

interface Reading {
  readonly rules: AccessRules;
  readonly warnings: readonly string[];
}

type Read =
  | { readonly ok: true; readonly value: Reading }
  | { readonly ok: false; readonly problems: readonly string[] };

async function readAccess(path: string): Promise<Read> {
  const failed = (problems: readonly string[]): Read => {
    const told = problems.slice(0, PROBLEMS_TOLD_MAX);
    const left = problems.length - told.length;
    if (left > 0) told.push(`and ${left} more problems like these`);
    return { ok: false, problems: told.map((problem) => `${path}: ${problem}`) };
  };
  let content: { readonly text: string; readonly mode: number } | string;
  try {
    content = await contentOf(path);
  } catch (error) {
    return failed([systemWords(error, 'read')]);
  }
  if (typeof content === 'string') return failed([content]);
  const read = await inTurns(rulesIn(content.text));
  if (!read.ok) return failed(read.problems);
  return { ok: true, value: { rules: read.value, warnings: warningsOf(path, content.mode) } };
}

function* rulesIn(text: string): Generator<void, ReadRules> {
  const json = yield* strictJson(text);
  if (!json.ok) return { ok: false, problems: [`it is not JSON: ${json.problem}`] };
  if (json.duplicates.length > 0) return { ok: false, problems: json.duplicates.map(twice) };
  return yield* readRules(json.value, digestOf);
}

/** Names a key that is there twice; not one that may be a token, nor what is below it. */
function twice({ path, lines: [first, second] }: DuplicateKey): string {
  let shown = '';
  for (const step of path) {
    if (typeof step === 'string' && !isShown(step)) {
      return `${shown || 'the file'}: has a field twice, in lines ${first} and ${second}`;
    }
    shown += typeof step === 'number' ? `[${step}]` : `${shown === '' ? '' : '.'}${step}`;
  }
  return `${shown}: is there twice, in lines ${first} and ${second}`;
}

/** Answers what is wrong in words. The mode is that of the very file that was read. */
async function contentOf(path: string): Promise<{ readonly text: string; readonly mode: number } | string> {
  // To open what is not a file, such as a pipe, might wait for ever.
  if (!(await stat(path)).isFile()) return 'it is not a file';
  const file = await open(path);
  try {
    const { size, mode } = await file.stat();
    if (size > BYTES_MAX) return `it is larger than ${BYTES_MAX} bytes`;
    return { text: await file.readFile('utf8'), mode };
  } finally {
    await file.close();
  }
}

const warningsOf = (path: string, mode: number): readonly string[] =>
  (mode & 0o077) === 0 ? [] : [`${path} can be read by other users of this machine: chmod 600 ${path}`];

function byCertificate(
  { bySubject, byCommonName }: AccessRules,
  certificate: Certificate | undefined,
): Principal | null {
  if (certificate === undefined) return null;
  const { subject, commonName } = certificate;
  // The whole subject says more than its last part.
  const rule = bySubject.get(subject) ?? (commonName === null ? undefined : byCommonName.get(commonName));
  return rule === undefined ? null : principalOf(rule);
}

/** What each principal has shown to become one: held no longer than the principal is. */
const shownBy = new WeakMap<Principal, string>();

const shownFor = (rule: TokenRule | CertificateRule): string =>
  'sha256' in rule ? rule.sha256 : JSON.stringify([rule.subject, rule.commonName]);

function principalOf(rule: TokenRule | CertificateRule): Principal {
  const { name, rights, prefix } = rule;
  const principal = { name, rights, prefix };
  shownBy.set(principal, shownFor(rule));
  return principal;
}

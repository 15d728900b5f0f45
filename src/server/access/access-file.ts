/**
 * Access rules from a file that can be read again while the server runs.
 *
 * The rules contain only the SHA-256 of each token, and a token is looked up by its SHA-256: a `hello` costs
 * the same however many tokens there are. The duration of the lookup reveals nothing about a token. It
 * depends only on the SHA-256 of the text that the peer sent. A peer that learned how a stored SHA-256 begins
 * could not choose its next text, since nobody can compute a text from a SHA-256.
 *
 * Reading the file again does not block the server: the file is parsed, checked and announced in pieces, one
 * in each turn of the event loop.
 */
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { Access } from '../../files/effects/access.ts';
import type { Principal } from '../../files/protocol/access.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import type { Quota } from '../../store/quota/quotas.ts';
import type { Certificate } from '../../transport/connection.ts';
import { check, TEXT } from '../../wire/argument.ts';
import { createBroadcast } from '../broadcast.ts';
import { runCooperatively } from '../cooperative.ts';
import { type AccessRules, type ReadRules, readRules } from './access-rules.ts';
import { type CertificateRule, isShown, type TokenRule } from './read-rule.ts';
import { type DuplicateKey, strictJson } from './strict-json.ts';

/** The rules of an access file that was opened, and the way to read it again. */
export interface AccessFile {
  /** The access rules, for `serve`. They follow each `reload`. */
  readonly access: Access;
  /** The quotas of the current rules, by prefix. It is the same list until the rules change. */
  readonly quotas: () => readonly Quota[];
  /** Warnings for the operator, as of the last time the file was read: that other users can read it. */
  readonly warnings: readonly string[];
  /**
   * Reads the file again, after the reloads under way. When the file is wrong the old rules stay and the
   * answer is the list of problems. Else every connection has the new rules when the promise resolves.
   */
  readonly reload: () => Promise<readonly string[]>;
}

/**
 * `openAccessFile` resolves with the rules; or, when the file cannot be read or is wrong, with the problems in it, each
 * a sentence.
 */
export type OpenedAccess =
  | { readonly ok: true; readonly value: AccessFile }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Bytes of the file: some 50,000 tokens. */
const BYTES_MAX = 8 * 1024 * 1024;
/** Problems that are listed; of the others only the number is. */
const PROBLEMS_LISTED_MAX = 20;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * Opens an access file: JSON of at most 8 MiB, as the server's README describes it. The problems name the entry and the
 * field, never a token.
 *
 * @example
 * const file = await openAccessFile('access.json');
 * if (!file.ok) throw new Error(file.problems.join('\n'));
 * const server = startServer({ port: 8080, store, access: file.value.access });
 */
export async function openAccessFile(path: string): Promise<OpenedAccess> {
  check('openAccessFile: the path', path, TEXT);
  const first = await loadAccess(path);
  if (!first.ok) return first;
  let { rules, warnings } = first.value;
  const broadcast = createBroadcast();
  let loading: Promise<unknown> = Promise.resolve();

  const access: Access = {
    changed$: broadcast.messages$,
    initial: (certificate) => byCertificate(rules, certificate) ?? rules.anonymous,
    byToken: (token) => {
      const rule = rules.tokens.get(digestOf(token));
      return rule === undefined ? null : principalOf(rule);
    },
    current: (principal) => {
      if (principal.name === '') return rules.anonymous;
      const rule = rules.byName.get(principal.name);
      // A token that was replaced by another is as invalid as one that was removed.
      return rule === undefined || proofOf(rule) !== proofs.get(principal) ? null : principalOf(rule);
    },
  };

  async function reread(): Promise<readonly string[]> {
    const next = await loadAccess(path);
    if (!next.ok) return next.problems;
    ({ rules, warnings } = next.value);
    await broadcast.broadcast();
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
      // One after the other, so that an earlier read never replaces the result of a later one.
      reload: () => {
        const problems = loading.then(reread);
        loading = problems.catch(() => {});
        return problems;
      },
    },
  };
}

interface LoadedAccess {
  readonly rules: AccessRules;
  readonly warnings: readonly string[];
}

type LoadOutcome =
  | { readonly ok: true; readonly value: LoadedAccess }
  | { readonly ok: false; readonly problems: readonly string[] };

async function loadAccess(path: string): Promise<LoadOutcome> {
  const failed = (problems: readonly string[]): LoadOutcome => {
    const listed = problems.slice(0, PROBLEMS_LISTED_MAX);
    const left = problems.length - listed.length;
    if (left > 0) listed.push(`and ${left} more problems like these`);
    return { ok: false, problems: listed.map((problem) => `${path}: ${problem}`) };
  };
  let content: { readonly text: string; readonly mode: number } | string;
  try {
    content = await contentOf(path);
  } catch (error) {
    return failed([systemWords(error, 'read')]);
  }
  if (typeof content === 'string') return failed([content]);
  const read = await runCooperatively(rulesIn(content.text));
  if (!read.ok) return failed(read.problems);
  return { ok: true, value: { rules: read.value, warnings: warningsOf(path, content.mode) } };
}

function* rulesIn(text: string): Generator<void, ReadRules> {
  const json = yield* strictJson(text);
  if (!json.ok) return { ok: false, problems: [`it is not JSON: ${json.problem}`] };
  if (json.duplicates.length > 0) return { ok: false, problems: json.duplicates.map(describeDuplicate) };
  return yield* readRules(json.value, digestOf);
}

/**
 * A sentence about a key that occurs twice. It never shows a key that may be a token, nor anything below such
 * a key.
 */
function describeDuplicate({ path, lines: [first, second] }: DuplicateKey): string {
  let shown = '';
  for (const step of path) {
    if (typeof step === 'string' && !isShown(step)) {
      return `${shown || 'the file'}: has a field twice, in lines ${first} and ${second}`;
    }
    shown += typeof step === 'number' ? `[${step}]` : `${shown === '' ? '' : '.'}${step}`;
  }
  return `${shown}: is there twice, in lines ${first} and ${second}`;
}

/**
 * The content and mode of the file, or a sentence when it cannot be used. The mode is that of the file that
 * was read.
 */
async function contentOf(path: string): Promise<{ readonly text: string; readonly mode: number } | string> {
  // Opening something that is not a file, such as a pipe, might wait for ever.
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
  // The whole subject is more specific than its common name.
  const rule = bySubject.get(subject) ?? (commonName === null ? undefined : byCommonName.get(commonName));
  return rule === undefined ? null : principalOf(rule);
}

/** The token or certificate that each principal was created for; forgotten with the principal. */
const proofs = new WeakMap<Principal, string>();

const proofOf = (rule: TokenRule | CertificateRule): string =>
  'sha256' in rule ? rule.sha256 : JSON.stringify([rule.subject, rule.commonName]);

function principalOf(rule: TokenRule | CertificateRule): Principal {
  const { name, rights, prefix } = rule;
  const principal = { name, rights, prefix };
  proofs.set(principal, proofOf(rule));
  return principal;
}

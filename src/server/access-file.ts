/**
 * Who is let in, out of a file that can be read again while the server runs.
 *
 * Tokens are kept as their SHA-256 only, and compared as such: all of them, however soon one fits, so that the time it
 * takes says nothing about any.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { Subject } from 'rxjs';
import type { Principal } from '../protocol/access.ts';
import { systemWords } from '../protocol/system-words.ts';
import type { Access } from '../runtime/access.ts';
import type { Certificate } from '../transport/connection.ts';
import { type AccessRules, type CertificateRule, readRules, type TokenRule } from './access-rules.ts';

export interface AccessFile {
  readonly access: Access;
  /** What may be stored below which prefix, as the rules are now. */
  readonly quotas: () => readonly { readonly prefix: string; readonly bytes: number }[];
  /** What the operator should know: that others can read the file. As of the last reading. */
  readonly warnings: readonly string[];
  /** Reads the file again. When it is wrong the rules stay as they were, and the problems are the answer. */
  readonly reload: () => Promise<readonly string[]>;
}

export type OpenedAccess =
  | { readonly ok: true; readonly value: AccessFile }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Bytes of the file. Each token is compared with all that are in it. */
const most = 1024 * 1024;

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * Opens an access file (the README says what it holds). The problems name the entry and the field, never a token.
 *
 * @example
 * const file = await openAccessFile('access.json');
 * if (!file.ok) throw new Error(file.problems.join('\n'));
 * serve({ connections$, store, access: file.value.access });
 */
export async function openAccessFile(path: string): Promise<OpenedAccess> {
  const first = await readAccess(path);
  if (!first.ok) return first;
  let { rules, warnings } = first.value;
  const changed$ = new Subject<void>();

  const access: Access = {
    changed$,
    first: (certificate) => byCertificate(rules, certificate) ?? rules.anybody,
    byToken: (token) => byToken(rules, token),
    now: (principal) => {
      if (principal.name === '') return rules.anybody;
      const shown = shownBy.get(principal);
      const sameName = [...rules.tokens, ...rules.certificates].filter(({ name }) => name === principal.name);
      // A token that was exchanged for another is as gone as one that was taken out.
      const rule = sameName.find((each) => shownFor(each) === shown);
      return rule === undefined ? null : principalOf(rule);
    },
  };
  return {
    ok: true,
    value: {
      access,
      quotas: () =>
        [...rules.tokens, ...rules.certificates].flatMap(({ prefix, quota }) =>
          quota === undefined ? [] : [{ prefix, bytes: quota }],
        ),
      get warnings() {
        return warnings;
      },
      reload: async () => {
        const again = await readAccess(path);
        if (!again.ok) return again.problems;
        ({ rules, warnings } = again.value);
        changed$.next();
        return [];
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
  const failed = (...problems: readonly string[]): Read => ({
    ok: false,
    problems: problems.map((problem) => `${path}: ${problem}`),
  });
  let content: { readonly text: string; readonly mode: number } | string;
  try {
    content = await contentOf(path);
  } catch (error) {
    return failed(systemWords(error, 'read'));
  }
  if (typeof content === 'string') return failed(content);
  let json: unknown;
  try {
    json = JSON.parse(content.text);
  } catch {
    // What the parser says quotes the file, and so perhaps a token.
    return failed('it is not JSON');
  }
  const read = readRules(json, (token) => digestOf(token).toString('hex'));
  if (!read.ok) return failed(...read.problems);
  return { ok: true, value: { rules: read.value, warnings: warningsOf(path, content.mode) } };
}

/** Answers what is wrong in words. The mode is that of the very file that was read. */
async function contentOf(path: string): Promise<{ readonly text: string; readonly mode: number } | string> {
  // To open what is not a file, such as a pipe, might wait for ever.
  if (!(await stat(path)).isFile()) return 'it is not a file';
  const file = await open(path);
  try {
    const { size, mode } = await file.stat();
    if (size > most) return `it is larger than ${most} bytes`;
    return { text: await file.readFile('utf8'), mode };
  } finally {
    await file.close();
  }
}

const warningsOf = (path: string, mode: number): readonly string[] =>
  (mode & 0o077) === 0 ? [] : [`${path} can be read by other users of this machine: chmod 600 ${path}`];

function byToken({ tokens }: AccessRules, token: string): Principal | null {
  const digest = digestOf(token);
  let found: Principal | null = null;
  for (const rule of tokens) {
    if (timingSafeEqual(Buffer.from(rule.sha256, 'hex'), digest)) found = principalOf(rule);
  }
  return found;
}

function byCertificate(
  { certificates }: AccessRules,
  certificate: Certificate | undefined,
): Principal | null {
  if (certificate === undefined) return null;
  const bySubject = ({ subject }: CertificateRule) => subject === certificate.subject;
  const byName = ({ commonName }: CertificateRule) => commonName === certificate.commonName;
  // The whole subject says more than its last part.
  const rule = certificates.find(bySubject) ?? certificates.find(byName);
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

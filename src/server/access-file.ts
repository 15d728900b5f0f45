/**
 * Who is let in, out of a file that can be read again while the server runs.
 *
 * Tokens are kept as their SHA-256 only, and compared as such: all of them, however soon one fits, so that the time it
 * takes says nothing about any.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { Subject } from 'rxjs';
import type { Principal } from '../protocol/access.ts';
import type { Access } from '../runtime/access.ts';
import type { Certificate } from '../transport/connection.ts';
import { type AccessRules, type CertificateRule, type Rule, readRules } from './access-rules.ts';

export interface AccessFile {
  readonly access: Access;
  /** What may be stored below which prefix, as the rules are now. */
  readonly quotas: () => readonly { readonly prefix: string; readonly bytes: number }[];
  /** What the operator should know: that others can read the file. */
  readonly warnings: readonly string[];
  /** Reads the file again. When it is wrong the rules stay as they were, and the problems are the answer. */
  readonly reload: () => Promise<readonly string[]>;
}

export type OpenedAccess =
  | { readonly ok: true; readonly value: AccessFile }
  | { readonly ok: false; readonly problems: readonly string[] };

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
  let rules = first.value;
  const changed$ = new Subject<void>();

  const access: Access = {
    changed$,
    first: (certificate) => byCertificate(rules, certificate) ?? rules.anybody,
    byToken: (token) => byToken(rules, token),
    now: ({ name }) => {
      if (name === '') return rules.anybody;
      const rule = [...rules.tokens, ...rules.certificates].find((each) => each.name === name);
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
      warnings: await warningsOf(path),
      reload: async () => {
        const again = await readAccess(path);
        if (!again.ok) return again.problems;
        rules = again.value;
        changed$.next();
        return [];
      },
    },
  };
}

async function readAccess(path: string) {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return { ok: false, problems: [`${path}: ${(error as Error).message}`] } as const;
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // What the parser says quotes the file, and so perhaps a token.
    return { ok: false, problems: [`${path}: it is not JSON`] } as const;
  }
  const read = readRules(json, (token) => digestOf(token).toString('hex'));
  if (read.ok) return read;
  return { ok: false, problems: read.problems.map((problem) => `${path}: ${problem}`) } as const;
}

async function warningsOf(path: string): Promise<readonly string[]> {
  const { mode } = await stat(path);
  const others = mode & 0o077;
  return others === 0 ? [] : [`${path} can be read by other users of this machine: chmod 600 ${path}`];
}

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
  const fits = ({ subject, commonName }: CertificateRule) =>
    subject !== undefined ? subject === certificate.subject : commonName === certificate.commonName;
  const rule = certificates.find(fits);
  return rule === undefined ? null : principalOf(rule);
}

const principalOf = ({ name, rights, prefix }: Rule): Principal => ({ name, rights, prefix });

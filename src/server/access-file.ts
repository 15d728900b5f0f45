/** Access as a file says: who may come in with which token or certificate. Read again when told to. */
import { timingSafeEqual } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { Subject } from 'rxjs';
import type { Principal } from '../protocol/access.ts';
import type { Access } from '../runtime/access.ts';
import type { Certificate } from '../transport/connection.ts';
import { type AccessRules, digest, type QuotaRule, type Read, readAccessRules } from './access-rules.ts';

/** Bytes of the file. Each token is compared with all in it. */
const most = 1024 * 1024;

export interface AccessFile {
  readonly access: Access;
  /** How much may be stored under which prefix, as the file says now. */
  readonly quotas: () => readonly QuotaRule[];
  /** What is not wrong but unwise, in words: that others can read the file. As of the last reading. */
  readonly warnings: () => readonly string[];
  /**
   * Reads the file again; `access.changed$` emits when that went well. Else the old rules stay, and the answer says
   * what is wrong.
   */
  readonly reload: () => Read<void>;
}

/**
 * Reads an access file: JSON with `tokens`, `certificates` and `anybody`, each with rights and perhaps a prefix and
 * a quota. Who has shown neither a token nor a certificate that is in it is `anybody`, and if there is no such entry
 * must say `hello` first. The message of a failure names the entry and field, and shows no token.
 *
 * @example
 * const opened = openAccessFile('/etc/sluice/access.json');
 * if (!opened.ok) throw new Error(opened.message);
 * serve({ connections$, store, access: opened.value.access });
 */
export function openAccessFile(path: string): Read<AccessFile> {
  const first = readRules(path);
  if (!first.ok) return first;
  let { rules, warnings } = first.value;
  const changed$ = new Subject<void>();

  /** Compares with all, whether one was found or not, so that the time says nothing. */
  function byToken(token: string): Principal | null {
    const sha256 = digest(token);
    let found: Principal | null = null;
    for (const rule of rules.tokens) if (timingSafeEqual(rule.sha256, sha256)) found = rule.principal;
    return found;
  }

  function byCertificate({ subject, commonName }: Certificate): Principal | null {
    const bySubject = rules.certificates.find((rule) => rule.subject === subject);
    const byName = rules.certificates.find(
      (rule) => rule.commonName !== null && rule.commonName === commonName,
    );
    return (bySubject ?? byName)?.principal ?? null;
  }

  function now({ name }: Principal): Principal | null {
    if (name === '') return rules.anybody;
    const same = ({ principal }: { readonly principal: Principal }) => principal.name === name;
    return (rules.tokens.find(same) ?? rules.certificates.find(same))?.principal ?? null;
  }

  function reload(): Read<void> {
    const again = readRules(path);
    if (!again.ok) return again;
    ({ rules, warnings } = again.value);
    changed$.next();
    return { ok: true, value: undefined };
  }

  const access: Access = {
    first: (certificate) => (certificate && byCertificate(certificate)) ?? rules.anybody,
    byToken,
    now,
    changed$: changed$.asObservable(),
  };
  return {
    ok: true,
    value: { access, quotas: () => rules.quotas, warnings: () => warnings, reload },
  };
}

interface Reading {
  readonly rules: AccessRules;
  readonly warnings: readonly string[];
}

/** At once, since the file is small and it is read at the start and at a signal alone. */
function readRules(path: string): Read<Reading> {
  const failed = (why: string) => ({ ok: false, message: `${path}: ${why}` }) as const;
  let text: string;
  let mode: number;
  try {
    // Opening what is not a file, such as a pipe, might wait for ever.
    if (!statSync(path).isFile()) return failed('it is not a file');
    const file = openSync(path, 'r');
    try {
      const stats = fstatSync(file);
      if (stats.size > most) return failed(`it is larger than ${most} bytes`);
      mode = stats.mode;
      text = readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return failed(`it cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  const read = readAccessRules(text);
  if (!read.ok) return failed(read.message);
  const isOpen = (mode & 0o077) !== 0;
  const warning = `${path} can be read or written by other users: "chmod 600 ${path}" keeps it private`;
  return { ok: true, value: { rules: read.value, warnings: isOpen ? [warning] : [] } };
}

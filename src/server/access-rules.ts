/**
 * The rules of who may do what, as they stand in a JSON file: read strictly, and told where they are wrong. Nothing said
 * about them ever quotes a token.
 */
import { allRights, type Principal, type Right } from '../protocol/access.ts';
import { whyNotFilename } from '../protocol/filename.ts';

/** Who a token or a certificate stands for, and what they may store. */
export interface Rule extends Principal {
  /** Bytes below the prefix; absent: no bound but the server's. */
  readonly quota?: number;
}

export interface TokenRule extends Rule {
  /** The SHA-256 of the token, 64 hexadecimal digits, lower case. */
  readonly sha256: string;
}

export interface CertificateRule extends Rule {
  readonly subject?: string;
  readonly commonName?: string;
}

export interface AccessRules {
  readonly tokens: readonly TokenRule[];
  readonly certificates: readonly CertificateRule[];
  /** Who everybody is that has shown nothing; null: nobody is let in so. */
  readonly anybody: Principal | null;
}

export type ReadRules =
  | { readonly ok: true; readonly value: AccessRules }
  /** One line for each thing that is wrong: `tokens[2].rights[0]: must be read, write or delete`. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** Characters in a token: fewer can be guessed. */
const leastToken = 16;
/** What `hello` takes. */
const mostToken = 1024;

/**
 * @param sha256 gives the SHA-256 of a text in UTF-8 as hexadecimal digits.
 * @example readRules({ tokens: [{ name: 'a', token: 'x', rights: ['read'] }] }, sha256).problems
 * // ['tokens[0].token: must have 16 to 1024 characters: a shorter one can be guessed']
 */
export function readRules(json: unknown, sha256: (text: string) => string): ReadRules {
  const problems: string[] = [];
  const wrong = (where: string, why: string) => void problems.push(`${where}: ${why}`);

  function fieldsOf(value: unknown, where: string, known: readonly string[]): Record<string, unknown> | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      wrong(where, 'must be an object');
      return null;
    }
    for (const field of Object.keys(value)) {
      if (known.includes(field)) continue;
      // What stands in the place of a field's name may be a token as well, and is longer then.
      const shown = /^\w+$/.test(field) && field.length < leastToken ? `.${field}` : '';
      wrong(
        `${where}${shown}`,
        `${shown ? 'is' : 'has a field that is'} not known; there are ${known.join(', ')}`,
      );
    }
    return value as Record<string, unknown>;
  }

  function listOf<T>(value: unknown, where: string, read: (each: unknown, where: string) => T | null): T[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      wrong(where, 'must be a list');
      return [];
    }
    return value.map((each, i) => read(each, `${where}[${i}]`)).filter((each) => each !== null);
  }

  function principalOf(fields: Record<string, unknown>, where: string, name: string): Principal {
    const rights = listOf(fields.rights, `${where}.rights`, (right, at) => {
      if (allRights.includes(right as Right)) return right as Right;
      wrong(at, 'must be read, write or delete');
      return null;
    });
    if (fields.rights === undefined) wrong(`${where}.rights`, 'is missing: a list of read, write and delete');
    const { prefix = '' } = fields;
    const why = typeof prefix === 'string' ? whyNotPrefix(prefix) : 'it is not a string';
    if (why !== null) wrong(`${where}.prefix`, `cannot begin a file name: ${why}`);
    return { name, rights: [...new Set(rights)], prefix: typeof prefix === 'string' ? prefix : '' };
  }

  function ruleOf(fields: Record<string, unknown>, where: string): Rule {
    const { name, quota } = fields;
    const isName = typeof name === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(name);
    if (!isName) wrong(`${where}.name`, 'must be 1 to 64 of the characters A-Z a-z 0-9 _ -');
    const principal = principalOf(fields, where, isName ? name : '');
    if (quota === undefined) return principal;
    if (!Number.isSafeInteger(quota) || (quota as number) < 0) {
      wrong(`${where}.quota`, 'must be a whole number of bytes');
    }
    return { ...principal, quota: quota as number };
  }

  const common = ['name', 'rights', 'prefix', 'quota'];

  function tokenOf(value: unknown, where: string): TokenRule | null {
    const fields = fieldsOf(value, where, [...common, 'token', 'sha256']);
    if (fields === null) return null;
    const rule = ruleOf(fields, where);
    const { token, sha256: digest } = fields;
    if ((token === undefined) === (digest === undefined)) {
      wrong(where, "must have either 'token' or 'sha256', the SHA-256 of one");
      return null;
    }
    if (token === undefined) {
      if (typeof digest === 'string' && /^[0-9a-f]{64}$/i.test(digest)) {
        return { ...rule, sha256: digest.toLowerCase() };
      }
      wrong(`${where}.sha256`, 'must be 64 hexadecimal digits');
      return null;
    }
    if (typeof token === 'string' && token.length >= leastToken && token.length <= mostToken) {
      return { ...rule, sha256: sha256(token) };
    }
    wrong(
      `${where}.token`,
      `must have ${leastToken} to ${mostToken} characters: a shorter one can be guessed`,
    );
    return null;
  }

  function certificateOf(value: unknown, where: string): CertificateRule | null {
    const fields = fieldsOf(value, where, [...common, 'subject', 'commonName']);
    if (fields === null) return null;
    const rule = ruleOf(fields, where);
    const { subject, commonName } = fields;
    if (typeof subject === 'string' && commonName === undefined) return { ...rule, subject };
    if (typeof commonName === 'string' && subject === undefined) return { ...rule, commonName };
    wrong(where, "must have either 'subject', as in O=Acme,CN=alice, or 'commonName', a string");
    return null;
  }

  const fields = fieldsOf(json, 'the file', ['tokens', 'certificates', 'anybody']) ?? {};
  const tokens = listOf(fields.tokens, 'tokens', tokenOf);
  const certificates = listOf(fields.certificates, 'certificates', certificateOf);
  const anybodyFields =
    fields.anybody === undefined ? null : fieldsOf(fields.anybody, 'anybody', ['rights', 'prefix']);
  const anybody = anybodyFields === null ? null : principalOf(anybodyFields, 'anybody', '');

  const repeated = (values: readonly string[]) => values.find((value, i) => values.indexOf(value) !== i);
  const name = repeated([...tokens, ...certificates].map((rule) => rule.name).filter((each) => each !== ''));
  if (name !== undefined) wrong('the file', `has the name '${name}' twice: names keep uploads apart`);
  const shared = repeated(tokens.map((rule) => rule.sha256));
  const sharing = tokens.filter((rule) => rule.sha256 === shared).map((rule) => `'${rule.name}'`);
  if (shared !== undefined) wrong('tokens', `${sharing.join(' and ')} have the same token`);
  const shown = repeated(certificates.map(({ subject, commonName }) => `${subject}\n${commonName}`));
  if (shown !== undefined) wrong('certificates', 'have the same subject or common name twice');
  const bounded = new Map<string, number>();
  for (const { name, prefix, quota } of [...tokens, ...certificates]) {
    if (quota === undefined) continue;
    const other = bounded.get(prefix) ?? quota;
    if (other !== quota) wrong('the file', `has another quota for '${name}' than for others of its prefix`);
    bounded.set(prefix, quota);
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, value: { tokens, certificates, anybody } };
}

/** A prefix is the beginning of a name, perhaps up to and with a `/`. */
function whyNotPrefix(prefix: string): string | null {
  if (prefix === '') return null;
  return whyNotFilename(prefix.endsWith('/') ? `${prefix}x` : prefix);
}

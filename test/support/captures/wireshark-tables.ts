/**
 * Makes the tables of the Wireshark dissector from the code: commands, fields, errors and limits.
 *
 * It finds the kind of a field's values by giving samples to the field's pattern.
 */
import { isMatching, type P } from 'ts-pattern';
import { catalogue } from '../../../src/files/protocol/errors.ts';
import { requestPatterns } from '../../../src/files/protocol/request.ts';
import { commands } from '../../../src/files/session/dispatch.ts';
import { jsonHeader } from '../../../src/wire/json-header.ts';

type Kind = 'string' | 'bytes' | 'crc32' | 'integer' | 'boolean';

const matches = (pattern: unknown, value: unknown): boolean =>
  isMatching(pattern as P.Pattern<unknown>)(value);

function kindOf(pattern: unknown): Kind {
  if (typeof pattern === 'string') return 'string';
  if (['a', '0'.repeat(64)].some((text) => matches(pattern, text))) return 'string';
  if (matches(pattern, true)) return 'boolean';
  if (matches(pattern, -1)) return 'integer';
  return matches(pattern, 2 ** 32) ? 'bytes' : 'crc32';
}

/** Fields that only replies have, with a single value each. The rest of an ack is in the text of its header. */
export const replyFields: Readonly<Record<string, Kind>> = {
  size: 'bytes',
  durable: 'boolean',
  body: 'bytes',
  next: 'string',
  server: 'string',
  version: 'string',
  name: 'string',
};

/** Fields of acks that are objects or arrays. */
export const structuredFields = ['commands', 'limits', 'rights', 'files'];

const isOptional = (pattern: unknown): boolean => matches({ field: pattern }, {});

/** The text between the two marks of the file. */
export function wiresharkTables(defaultPort: number): string {
  const kinds = new Map<string, Kind>();
  for (const pattern of Object.values(requestPatterns)) {
    for (const [name, one] of Object.entries(pattern)) kinds.set(name, kindOf(one));
  }
  for (const [name, kind] of Object.entries(replyFields)) if (!kinds.has(name)) kinds.set(name, kind);

  const commandLines = commands.map(({ cmd, bodyLength }) => {
    const pattern = requestPatterns[cmd as keyof typeof requestPatterns];
    const required = Object.entries(pattern).filter(([name, one]) => name !== 'cmd' && !isOptional(one));
    const names = required.map(([name]) => `'${name}'`).join(', ');
    return `  ['${cmd}'] = { body = ${bodyLength !== undefined}, required = { ${names} } },`.replace(
      '{  }',
      '{}',
    );
  });
  const fieldLines = [...kinds].map(([name, kind]) => `  { name = '${name}', kind = '${kind}' },`);
  const errorLines = Object.entries(catalogue).map(
    ([code, { fatal, blame, message }]) =>
      `  ['${code}'] = { fatal = ${fatal}, blame = '${blame}', message = '${message.replaceAll("'", "\\'")}' },`,
  );
  const { maxHead } = jsonHeader({ bodyLength: () => 0 });
  return [
    'local COMMANDS = {',
    ...commandLines,
    '}',
    'local FIELDS = {',
    ...fieldLines,
    '}',
    'local ERRORS = {',
    ...errorLines,
    '}',
    `local LIMITS = { header = ${maxHead - 4}, port = ${defaultPort} }`,
    '',
  ].join('\n');
}

/**
 * Trims the header of a request to the part that is kept while the request waits and is carried out.
 *
 * A header may have up to `headerBytes` of JSON, which cost thirty times as much once they are parsed. Nearly all of
 * that is in fields that no command uses. So only the fields that the command names are kept, and a value only if it
 * is what the command expects. The names, numbers and ids that Sluice's own commands expect are short.
 */

import type { JsonHeader } from '../../wire/json-header.ts';
import { idOf } from '../protocol/request.ts';
import type { Command } from './command.ts';

/** The characters that are kept of a value that no command expects: enough to be quoted in an error. */
const QUOTED_MAX = 64;
/** The characters that are kept of a file name that is only reported. */
const REPORTED_NAME_MAX = 256;

/** The part of a header that its command needs; for an unknown command, the part that its refusal quotes. */
export function trimmedHeader(command: Command | undefined, header: JsonHeader): JsonHeader {
  if (command === undefined) return trimUnknown(header);
  if (command.fields === undefined || holdsNothingElse(command.fields, header)) return header;
  const kept: Record<string, unknown> = {};
  let isFlat = true;
  for (const field of command.fields) {
    if (!Object.hasOwn(header, field)) continue;
    const value = header[field];
    kept[field] = value;
    if (typeof value === 'object' && value !== null) isFlat = false;
  }
  // The fields that the session itself uses, whatever the command is.
  if (typeof header.filesize === 'number') kept.filesize = header.filesize;
  if (Object.hasOwn(header, 'id') && !Object.hasOwn(kept, 'id')) kept.id = header.id;
  if (!isFlat && !isExpected(command, kept)) for (const field in kept) kept[field] = flattened(kept[field]);
  return kept;
}

/** Whether a header has only fields that are used, and no list or object in any of them, as nearly all headers do. */
function holdsNothingElse(fields: readonly string[], header: JsonHeader): boolean {
  for (const field in header) {
    const value = header[field];
    if (typeof value === 'object' && value !== null) return false;
    const isLookedAt = field === 'id' || (field === 'filesize' && typeof value === 'number');
    if (!isLookedAt && !fields.includes(field)) return false;
  }
  return true;
}

function trimUnknown(header: JsonHeader): JsonHeader {
  const { cmd, filename } = header;
  const id = idOf(header);
  return {
    ...(typeof cmd === 'string' ? { cmd: prefixOf(cmd, QUOTED_MAX) } : {}),
    ...(typeof filename === 'string' ? { filename: prefixOf(filename, REPORTED_NAME_MAX) } : {}),
    ...(id === null ? {} : { id }),
  };
}

/** The first characters of a text, as a copy: a slice would keep the whole text in memory. */
const prefixOf = (text: string, max: number): string =>
  text.length <= max ? text : JSON.parse(JSON.stringify(text.slice(0, max)));

/**
 * Whether the command accepts the header. A pattern of your own may throw: that is reported when the request is
 * begun.
 */
function isExpected(command: Command, header: JsonHeader): boolean {
  try {
    return command.check(header) === null;
  } catch {
    return false;
  }
}

/** A value of the same type that costs nothing. The command refuses it all the same, for the same reason. */
const flattened = (value: unknown): unknown =>
  typeof value !== 'object' || value === null ? value : Array.isArray(value) ? [] : {};

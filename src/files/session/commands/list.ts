/** `list`: a page of the names in the store, in order. One effect, one reply. */
import { match } from 'ts-pattern';
import { utf8Length } from '../../../wire/json-header.ts';
import { serviceFault } from '../../protocol/errors.ts';
import type { Listing } from '../../protocol/file.ts';
import { requestPatterns } from '../../protocol/request.ts';
import { acknowledge, refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

/** Names in one page, unless fewer are asked for. */
export const PAGE_NAMES_MAX = 1000;
/** Bytes of JSON in one page, so that the reply is within the header limit of every client. */
export const PAGE_BYTES_MAX = 48 * 1024;

/** Bytes that an entry of a page has at least, beside its name. */
const ENTRY_BYTES = JSON.stringify({ name: '', size: 0, mtime: 1_700_000_000_000 }).length + 1;

/**
 * How many files to ask the store for. What does not fit into the page would be looked up in vain, so the names are taken
 * to be as long as the one before them. Where they are shorter, the page has fewer.
 */
function namesWanted(limit: number, before: string): number {
  const fitting = Math.ceil(PAGE_BYTES_MAX / (ENTRY_BYTES + utf8Length(before)));
  return Math.min(limit, PAGE_NAMES_MAX, fitting);
}

/** The part of a listing that fits in a page: at least one file, so that paging always moves on. */
function fitted({ files, next }: Listing): Listing {
  let bytes = 0;
  const fits = files.findIndex((file) => {
    bytes += utf8Length(JSON.stringify(file)) + 1;
    return bytes > PAGE_BYTES_MAX;
  });
  if (fits < 0) return next === undefined ? { files } : { files, next };
  const page = files.slice(0, Math.max(fits, 1));
  return { files: page, next: page.at(-1)!.name };
}

export const list = defineCommand({
  pattern: requestPatterns.list,
  touches: 'allFiles',
  start: ({ prefix: asked = '', after, limit = PAGE_NAMES_MAX }, principal) => {
    // A principal that is confined to a prefix sees what is below it, even if the request asks for more.
    const prefix = principal.prefix.startsWith(asked) ? principal.prefix : asked;
    if (!prefix.startsWith(principal.prefix)) {
      const why = `'prefix' must begin with '${principal.prefix}'`;
      return refuse(null, serviceFault('forbidden', why, { prefix: principal.prefix }));
    }
    const from = { ...(prefix === '' ? {} : { prefix }), ...(after === undefined ? {} : { after }) };
    return { state: null, effects: [{ type: 'list', ...from, limit: namesWanted(limit, after ?? prefix) }] };
  },
  on: (state: null, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'list', ok: true } }, ({ result }) =>
        acknowledge(state, { ...fitted(result.value) }),
      )
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state })),
});

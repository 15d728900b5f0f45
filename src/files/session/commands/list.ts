/** `list`: a page of the names in the store, in order. One effect, one reply. */
import { match } from 'ts-pattern';
import { serviceFault } from '../../protocol/errors.ts';
import type { Listing } from '../../protocol/file.ts';
import { requestPatterns } from '../../protocol/request.ts';
import { acknowledge, refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

/** Names in one page, unless fewer are asked for. */
export const PAGE_NAMES_MAX = 1000;
/** Bytes of JSON in one page, so that the reply is within the header limit of every client. */
export const PAGE_BYTES_MAX = 48 * 1024;

const encoder = new TextEncoder();

/** The part of a listing that fits in a page: at least one file, so that paging always moves on. */
function fitted({ files, next }: Listing): Listing {
  let bytes = 0;
  const fits = files.findIndex((file) => {
    bytes += encoder.encode(JSON.stringify(file)).length + 1;
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
    return { state: null, effects: [{ type: 'list', ...from, limit: Math.min(limit, PAGE_NAMES_MAX) }] };
  },
  on: (state: null, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'list', ok: true } }, ({ result }) =>
        acknowledge(state, { ...fitted(result.value) }),
      )
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state })),
});

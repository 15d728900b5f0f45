/**
 * `put`: stores the body under a name, atomically.
 *
 *   state        event             -> state        effects, answer
 *                start                receiving    begin
 *   receiving    data                 receiving    write
 *   receiving    end                  committing   commit
 *   receiving    result, failed       done         error (the sink has cleaned up; the rest is skipped)
 *   committing   result, stored       done         ack
 *   committing   result, failed       done         error
 */
import { match } from 'ts-pattern';
import { errorInfo } from '../protocol/errors.ts';
import { requestPatterns } from '../protocol/request.ts';
import type { JsonHeader } from '../wire/json-header.ts';
import { acknowledge, defineCommand, refuse, type Step } from './command.ts';

type State = 'receiving' | 'committing';

/** The content may be sent from an offset on; what `filesize` says is always the whole file's. */
function bodyLength(header: JsonHeader): number | string {
  const { filesize, offset = 0 } = header;
  if (!isByteCount(filesize)) return "'filesize' must be a whole number of bytes from 0 to 9007199254740991";
  if (!isByteCount(offset)) return "'offset' must be a whole number of bytes from 0 to 'filesize'";
  return offset <= filesize ? filesize - offset : "'offset' is past 'filesize'";
}

const isByteCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

export const put = defineCommand({
  pattern: requestPatterns.put,
  touches: { filename: 'write' },
  bodyLength,
  start: ({ filename, filesize, offset, mtime, ifAbsent }): Step<State> => {
    if (offset) return refuse('receiving', errorInfo('bad-offset', 'the server has 0 bytes', { offset: 0 }));
    const options = { ...(mtime === undefined ? {} : { mtime }), ...(ifAbsent ? { ifAbsent } : {}) };
    return { state: 'receiving', effects: [{ type: 'begin', name: filename, size: filesize, ...options }] };
  },
  on: (state: State, event) => {
    // The only event that comes once a chunk: kept out of the matching below.
    if (event.type === 'data')
      return { state, effects: [{ type: 'write', bytes: event.bytes, credit: event.credit }] };
    return match(event)
      .with({ type: 'end' }, () => ({ state: 'committing' as const, effects: [{ type: 'commit' as const }] }))
      .with({ type: 'result', result: { of: 'commit', ok: true } }, ({ result }) => {
        const { name: filename, size, crc32, durable } = result.value;
        return acknowledge(state, { filename, size, crc32, durable });
      })
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state }));
  },
});

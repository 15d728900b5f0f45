/**
 * `get`: sends a file, or a range of it, behind its ack.
 *
 *   event                -> effects, replies
 *   start                   open
 *   result, opened          ack with `body`, then the bytes, in their turn
 *   result, failed          error
 *
 * The file stays what it was when it was opened, so a `put` to the same name may go on while it is being sent.
 */
import { match } from 'ts-pattern';
import { serviceFault } from '../../protocol/errors.ts';
import { requestPatterns } from '../../protocol/request.ts';
import { refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

/** The field for the checksum of the whole file, where the store knows it. */
const crc32Field = (crc32: number | undefined) => (crc32 === undefined ? {} : { crc32 });

interface Range {
  readonly offset: number;
  /** Null: to the end of the file. */
  readonly length: number | null;
}

export const get = defineCommand({
  pattern: requestPatterns.get,
  touches: { filename: 'read' },
  needsFile: true,
  start: ({ filename, offset = 0, length = null }) => ({
    state: { offset, length } as Range,
    effects: [{ type: 'open', name: filename }],
  }),
  on: (state: Range, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'open', ok: true } }, ({ result }) => {
        const { name: filename, size, mtime, crc32 } = result.value;
        const { offset } = state;
        if (offset > size) {
          const why = `'offset' is ${offset} and the file has ${size} bytes`;
          return refuse(state, serviceFault('bad-range', why, { field: 'offset', size }));
        }
        const body = Math.min(state.length ?? size - offset, size - offset);
        const ack = {
          type: 'ack',
          fields: { filename, size, mtime, ...crc32Field(crc32), offset, body },
        } as const;
        return { state, replies: [ack, { type: 'file' as const, offset, length: body }], done: true };
      })
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state })),
});

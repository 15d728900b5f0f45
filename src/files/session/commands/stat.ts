/** `stat`: a file's size and time. One effect, one reply. */
import { match } from 'ts-pattern';
import { requestPatterns } from '../../protocol/request.ts';
import { acknowledge, refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

export const stat = defineCommand({
  pattern: requestPatterns.stat,
  touches: { filename: 'read' },
  start: ({ filename, checksum = false }) => ({
    state: null,
    effects: [{ type: 'stat', name: filename, ...(checksum && { checksum }) }],
  }),
  on: (state: null, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'stat', ok: true } }, ({ result }) => {
        const { name: filename, size, mtime, crc32 } = result.value;
        return acknowledge(state, { filename, size, mtime, ...(crc32 === undefined ? {} : { crc32 }) });
      })
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state })),
});

/** `rename`: moves a file, atomically. One effect, one reply. */
import { match } from 'ts-pattern';
import { requestPatterns } from '../../protocol/request.ts';
import { acknowledge, refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

interface Names {
  readonly filename: string;
  readonly to: string;
}

export const rename = defineCommand({
  pattern: requestPatterns.rename,
  touches: { filename: 'write', to: 'write' },
  rights: ['write', 'delete'],
  start: ({ filename, to, ifAbsent = false }) => ({
    state: { filename, to } as Names,
    effects: [{ type: 'rename', name: filename, to, ifAbsent }],
  }),
  on: (state: Names, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'rename', ok: true } }, ({ result }) => {
        const { size, mtime } = result.value;
        return acknowledge(state, { ...state, size, mtime });
      })
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state })),
});

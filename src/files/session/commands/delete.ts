/** `delete`: removes a file. One effect, one reply. */
import { match } from 'ts-pattern';
import { requestPatterns } from '../../protocol/request.ts';
import { acknowledge, refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

export const remove = defineCommand({
  pattern: requestPatterns.delete,
  touches: { filename: 'write' },
  rights: ['delete'],
  start: ({ filename }) => ({ state: filename, effects: [{ type: 'remove', name: filename }] }),
  on: (filename: string, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'remove', ok: true } }, () => acknowledge(filename, { filename }))
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(filename, result.error))
      .otherwise(() => ({ state: filename })),
});

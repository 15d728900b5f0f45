/** `cancel`: drops an interrupted upload, and takes it from a connection that still has it. One effect, one reply. */
import { match } from 'ts-pattern';
import { requestPatterns } from '../../protocol/request.ts';
import { uploadKey } from '../../protocol/upload.ts';
import { acknowledge, refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

export const cancel = defineCommand({
  pattern: requestPatterns.cancel,
  touches: { upload: 'upload' },
  rights: ['write'],
  start: ({ upload }, { name }) => ({
    state: upload,
    effects: [{ type: 'cancel', upload: uploadKey(name, upload) }],
  }),
  on: (upload: string, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'cancel', ok: true } }, () => acknowledge(upload, { upload }))
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(upload, result.error))
      .otherwise(() => ({ state: upload })),
});

/**
 * `resume`: answers how many bytes of an interrupted upload the server has, all of them as durable as the server
 * makes things. Another connection that still has the upload loses it. One effect, one reply.
 */
import { match } from 'ts-pattern';
import { requestPatterns } from '../../protocol/request.ts';
import { uploadKey } from '../../protocol/upload.ts';
import { acknowledge, refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

export const resume = defineCommand({
  pattern: requestPatterns.resume,
  touches: { upload: 'upload' },
  rights: ['write'],
  // It takes the upload from another connection, but only so that this peer can go on with it.
  readOnly: true,
  start: ({ upload }, { name }) => ({
    state: upload,
    effects: [{ type: 'resume', upload: uploadKey(name, upload) }],
  }),
  on: (upload: string, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'resume', ok: true } }, ({ result }) => {
        const { offset, crc32 } = result.value;
        return acknowledge(upload, { upload, offset, crc32 });
      })
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(upload, result.error))
      .otherwise(() => ({ state: upload })),
});

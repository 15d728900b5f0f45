/** `ping`: answers at once. */
import { requestPatterns } from '../../protocol/request.ts';
import { acknowledge } from '../answers.ts';
import { defineCommand } from '../command.ts';

export const ping = defineCommand({
  pattern: requestPatterns.ping,
  touches: {},
  rights: null,
  readOnly: true,
  start: () => acknowledge(null),
  on: (state: null) => ({ state }),
});

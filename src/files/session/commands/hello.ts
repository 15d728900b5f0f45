/**
 * `hello`: establishes who the peer is, and answers with a description of the server.
 *
 * It is exclusive: the requests behind it wait until the principal is known. A wrong token ends the connection, so
 * that each guess costs one. The runtime compares the token; this file only asks for it.
 */
import { match } from 'ts-pattern';
import { requestPatterns } from '../../protocol/request.ts';
import { acknowledge, refuse } from '../answers.ts';
import { defineCommand } from '../command.ts';

export const hello = defineCommand({
  pattern: requestPatterns.hello,
  touches: 'exclusive',
  rights: null,
  start: ({ token }) => ({
    state: null,
    effects: [{ type: 'hello', ...(token === undefined ? {} : { token }) }],
  }),
  on: (state: null, event) =>
    match(event)
      .with({ type: 'result', result: { of: 'hello', ok: true } }, ({ result }) => {
        const { principal, about } = result.value;
        const { name = '', rights = [], prefix = '' } = principal ?? {};
        return acknowledge(state, { ...about, name, rights, prefix });
      })
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state })),
});

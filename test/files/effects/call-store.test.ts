/** What a store or a handler may answer, and what becomes of any other answer. */
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { callStore } from '../../../src/files/effects/call-store.ts';
import { serveConnection } from '../../../src/files/effects/serve-connection.ts';
import { acknowledge, refuse } from '../../../src/files/session/answers.ts';
import { defineCommand } from '../../../src/files/session/command.ts';
import { commands as builtIn, requestFraming } from '../../../src/files/session/dispatch.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import type { Outcome } from '../../../src/store/contract.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { frame, outcomes, peer } from '../../support/network/peer.ts';

const nothings: [string, () => unknown, string][] = [
  ['nothing', () => undefined, 'undefined'],
  ['null', () => null, 'null'],
  ['nothing later', async () => undefined, 'undefined'],
  ['a number', () => 7, '7'],
  ['an object that says nothing later', async () => ({ value: 1 }), 'an object'],
];

describe('an answer', () => {
  test.each(nothings)(
    '%s is no outcome: it becomes the error `internal`, and is reported',
    async (_, answer, words) => {
      const bugs: unknown[] = [];
      const outcome = await new Promise<Outcome<unknown>>((resolve) =>
        callStore(answer as () => Outcome<unknown>, (thrown) => bugs.push(thrown), resolve),
      );
      expect(outcome).toMatchObject({ ok: false, error: { code: 'internal' } });
      expect(bugs).toHaveLength(1);
      expect(String(bugs[0])).toMatch(/^TypeError: a store or a handler must answer /);
      expect(String(bugs[0])).toContain(`has answered ${words}`);
    },
  );

  test.each<[string, () => Outcome<number> | Promise<Outcome<number>>]>([
    ['now', () => ({ ok: true, value: 1 })],
    ['later', async () => ({ ok: true, value: 1 })],
  ])('an outcome that comes %s is passed on as it is', async (_, answer) => {
    const outcome = await new Promise((resolve) => callStore(answer, () => expect.unreachable(), resolve));
    expect(outcome).toEqual({ ok: true, value: 1 });
  });
});

test.each(nothings)(
  'a handler of a custom command that answers %s costs its request, and the connection goes on to its end',
  async (_, answer) => {
    const mine = defineCommand({
      pattern: { cmd: 'mine' },
      touches: {},
      start: () => ({ state: null, effects: [{ type: 'custom', call: 'mine', with: 1 }] }),
      on: (state: null, event) => {
        if (event.type !== 'result') return { state };
        return event.result.ok ? acknowledge(state) : refuse(state, event.result.error);
      },
    });
    const commands = [...builtIn, mine];
    const [theirs, ours] = memoryPair();
    const budget = createBudget(defaultLimits.budget);
    const bugs: unknown[] = [];
    const finished = firstValueFrom(
      serveConnection(ours, {
        session: createSession(commands, { openRequests: 8 }),
        framing: requestFraming(commands),
        store: memoryStore(),
        budget,
        limits: defaultLimits,
        customHandlers: { mine: answer as () => Outcome<unknown> },
        onInternalError: (thrown) => bugs.push(thrown),
      }).pipe(toArray()),
    );
    const client = peer(theirs);
    await client.send(frame({ cmd: 'mine' }), frame({ cmd: 'ping' }));
    client.connection.end();
    expect(outcomes(await client.all())).toEqual(['internal', 'ping']);
    await finished;
    expect(bugs).toHaveLength(1);
    expect(budget.unsettled()).toBe(0);
  },
);

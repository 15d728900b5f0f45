/** No token gets into a trace, whatever is wrong with the request that it came in, and no body of a reply. */
import { describe, expect, test } from 'vitest';
import { createBudget } from '../../../src/actor/bounds/credit.ts';
import { formatTrace, type TraceEvent } from '../../../src/actor/trace.ts';
import { serveConnection } from '../../../src/files/effects/serve-connection.ts';
import { acknowledge } from '../../../src/files/session/answers.ts';
import { type Command, defineCommand } from '../../../src/files/session/command.ts';
import { commands, requestFraming } from '../../../src/files/session/dispatch.ts';
import { createSession } from '../../../src/files/session/session.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { peer, rawFrame } from '../../support/network/peer.ts';

const TOKEN = 'SECRET-1234567890';
const HEX = Buffer.from(TOKEN).toString('hex');

/** What is traced of a connection that sends these bytes. */
async function traceOf(known: readonly Command[], bytes: Uint8Array): Promise<readonly TraceEvent[]> {
  const traced: TraceEvent[] = [];
  const [theirs, ours] = memoryPair();
  const finished = new Promise<void>((complete) => {
    serveConnection(ours, {
      session: createSession(known, { openRequests: 8 }),
      framing: requestFraming(known),
      store: memoryStore(),
      budget: createBudget(defaultLimits.budget),
      limits: defaultLimits,
      trace: (event) => traced.push(event),
    }).subscribe({ complete });
  });
  const client = peer(theirs);
  await client.send(bytes);
  client.connection.end();
  await client.over;
  await finished;
  return traced;
}

describe('the trace of a file connection', () => {
  test('the trace of a file connection has the header of a reply and not its body', async () => {
    const answering = defineCommand({
      pattern: { cmd: 'bytes' },
      touches: {},
      start: () => acknowledge(null, { it: 1 }, new TextEncoder().encode(TOKEN)),
      on: (state: null) => ({ state }),
    });
    const traced = await traceOf([answering], rawFrame('{"cmd":"bytes"}'));
    const sent = traced.flatMap((event) => (event.type === 'event' ? event.effects : []));
    expect(sent.filter(({ type }) => type === 'send')).toMatchObject([
      { message: { ack: 'bytes', it: 1, body: TOKEN.length } },
    ]);
    expect(JSON.stringify(sent)).not.toMatch(/"reply"|"0":/);
  });

  test.each<[string, Uint8Array]>([
    ['is as it should be', rawFrame(`{"cmd":"hello","token":"${TOKEN}"}`)],
    ['has a comma too many', rawFrame(`{"cmd":"hello","token":"${TOKEN}",}`)],
    ['has no end', rawFrame(`{"token":"${TOKEN}","cmd":"hello"`)],
    ['goes on behind its end', rawFrame(`{"cmd":"hello","token":"${TOKEN}"}x`)],
    ['begins with the token', rawFrame(TOKEN)],
    ['has a list for a token', rawFrame(`{"cmd":"hello","token":["${TOKEN}"]}`)],
    ['has a body whose length is none', rawFrame(`{"token":"${TOKEN}","cmd":"put","filesize":"x"}`)],
    ['is of a command that nobody knows', rawFrame(`{"token":"${TOKEN}","cmd":"helo"}`)],
    ['is cut off', rawFrame(`{"token":"${TOKEN}","cmd":"hello"}`).subarray(0, -3)],
    ['has no length', Buffer.from(`${TOKEN}{"cmd":"hello"}`)],
  ])('the trace of a file connection has no token in it when a hello %s', async (_, bytes) => {
    const traced = await traceOf(commands, bytes);
    const text = traced.map((event) => `${JSON.stringify(event)} ${formatTrace(event)}`).join('\n');
    expect(traced.some((event) => event.type === 'event' && /start|fault/.test(event.event.type))).toBe(true);
    expect(text).not.toContain(TOKEN.slice(0, 6));
    expect(text.replaceAll(' ', '')).not.toContain(HEX.slice(0, 12));
  });
});

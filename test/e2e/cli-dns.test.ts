/** `sluice demo dns` as a process, between a client and another server. */
import { filter, firstValueFrom, share } from 'rxjs';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { defineActor } from '../../src/actor/actor.ts';
import { framed } from '../../src/actor/framed/framed.ts';
import { serveActors } from '../../src/actor/serve-actors.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { dnsMessages } from '../../src/wire/codecs/dns-messages.ts';
import { query, rcodeOf, response } from '../support/actors/dns-messages.ts';
import { endAll, sluice, startSluice } from '../support/processes/cli.ts';

afterEach(endAll);

test('sluice demo dns answers what another server answers, and asks it once', async () => {
  let asked = 0;
  const origin = defineActor()({
    codec: dnsMessages,
    reduce: (state, event) => {
      if (event.type !== 'message') return { state };
      asked++;
      return { state, effects: [{ type: 'send', message: response(event.message, [30]) }] };
    },
  });
  const server$ = serveActors({ connections$: listenTcp({ port: 0 }), actor: origin }).pipe(share());
  const serving = server$.subscribe();
  onTestFinished(() => serving.unsubscribe());
  const { port } = await firstValueFrom(server$.pipe(filter((event) => event.type === 'listening')));

  const forwarder = startSluice(['demo', 'dns', '--port', '0', '--upstream', `127.0.0.1:${port}`]);
  const [, at] = await forwarder.said(/listening on 127\.0\.0\.1:(\d+)/);
  const client = framed(
    await firstValueFrom(connectTcp({ host: '127.0.0.1', port: Number(at) })),
    dnsMessages,
  );
  for (const id of [1, 2]) {
    const own = query({ id });
    const reply = await client.request(own);
    // Behind the question there is a TTL, which goes down.
    const upToQuestion = response(own, [30], { id }).subarray(0, own.length);
    expect(new Uint8Array(reply.subarray(0, own.length))).toEqual(upToQuestion);
  }
  expect(asked).toBe(1);
  serving.unsubscribe();
  expect(rcodeOf(await client.request(query({ name: 'example.org' })))).toBe(2);
  client.end();
  forwarder.child.kill('SIGTERM');
  expect(await forwarder.done).toMatchObject({ status: 0, stderr: '' });
});

test('sluice demo dns without another server says how to name one', async () => {
  expect(await sluice(['demo', 'dns'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--upstream HOST[:PORT]'),
  });
});

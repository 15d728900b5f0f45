/** `sluice demo dns` as a process, between a client and another server. */
import { firstValueFrom } from 'rxjs';
import { afterEach, expect, test } from 'vitest';
import { framed } from '../../../src/actor/framed/framed.ts';
import { connectTcp } from '../../../src/transport/socket/tcp.ts';
import { dnsMessages } from '../../../src/wire/codecs/dns-messages.ts';
import { query, rcodeOf, response } from '../../support/actors/dns-messages.ts';
import { dnsOrigin } from '../../support/actors/dns-origin.ts';
import { servedOverTcp } from '../../support/actors/served-over-tcp.ts';
import { endAll, sluice, startSluice } from '../../support/processes/cli.ts';

afterEach(endAll);

test('sluice demo dns answers what another server answers, and asks it once', async () => {
  const origin = dnsOrigin();
  const { port, stop } = await servedOverTcp(origin.actor);

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
  expect(origin.asked()).toBe(1);
  stop();
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

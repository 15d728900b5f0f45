/** A webhook that decides about files: what it is asked, and what its answers mean. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acceptByWebhook } from '../../../src/server/accept/accept-webhook.ts';
import { readSecrets } from '../../../src/server/sinks/webhook-signature.ts';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const { signal } = new AbortController();
const content = { name: 'a/b', size: 5, crc32: 7, path: '/var/secret' };

/** A server that answers so, and what it was asked. */
async function answering(status: number, body: string, headers: Readonly<Record<string, string>> = {}) {
  const asked: { request: IncomingMessage; text: string }[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    asked.push({ request, text });
    if (status > 0) response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/decide`);
  const hook = acceptByWebhook(url, readSecrets(SECRET)!);
  onTestFinished(() => {
    hook.close();
    server.closeAllConnections();
    server.close();
  });
  return { asked, decide: async (by = signal) => hook.accept(content, by) };
}

describe('a webhook that decides', () => {
  test('it is asked by what is known of the file but its path, signed as Standard Webhooks says', async () => {
    const { asked, decide } = await answering(204, '');
    expect(await decide()).toBeNull();
    const [{ request, text }] = asked as [(typeof asked)[0]];
    expect(request.method).toBe('POST');
    const headers = request.headers as Record<string, string>;
    expect(new Webhook(SECRET).verify(text, headers)).toEqual({ name: 'a/b', size: 5, crc32: 7 });
  });

  test('it answers in JSON whether the file is stored, and why not', async () => {
    expect(await (await answering(200, '{"accept":true}')).decide()).toBeNull();
    const refusing = await answering(200, '{"accept":false,"reason":"no programs, please"}');
    expect(await refusing.decide()).toBe('no programs, please');
    expect(await (await answering(200, '{"accept":false}')).decide()).toBe('it was not accepted');
  });

  test('anything else is no answer: other statuses, redirects, other texts, and too much of it', async () => {
    const rejects = async (status: number, body: string, why: string, headers = {}) =>
      expect((await answering(status, body, headers)).decide()).rejects.toThrow(why);
    await rejects(500, '{"accept":true}', 'it answered 500');
    await rejects(302, '', 'it answered 302', { location: 'http://127.0.0.1:1/' });
    await rejects(200, 'yes', 'no "accept"');
    await rejects(200, '{"accept":"true"}', 'no "accept"');
    await rejects(200, ' '.repeat(20_000), 'more than 16384 bytes');
  });

  test('a question that nobody waits for any more is given up', async () => {
    const { asked, decide } = await answering(0, '');
    const controller = new AbortController();
    const decided = decide(controller.signal);
    await expect.poll(() => asked.length).toBe(1);
    controller.abort();
    await expect(decided).rejects.toThrow('abort');
  });
});

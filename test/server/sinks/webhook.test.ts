/** Events over HTTP: what is sent, what counts as taken, and where it may go. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, test } from 'vitest';
import { readAddressRules } from '../../../src/server/sinks/address-rules.ts';
import { retryAfterMs } from '../../../src/server/sinks/retry-after.ts';
import type { DeliveryAnswer } from '../../../src/server/sinks/sink.ts';
import { type WebhookOptions, webhookSink } from '../../../src/server/sinks/webhook.ts';
import { readSecrets } from '../../../src/server/sinks/webhook-signature.ts';
import type { ChangeEvent } from '../../../src/store/changes/change-log.ts';

const event: ChangeEvent = {
  ...{ id: '0123456789abcdef-17', sequence: 12, type: 'renamed', name: 'new näme.txt', from: 'old.txt' },
  ...{ size: 5, crc32: 907060870, time: 1_700_000_000_000 },
};

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Received {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly url: string | undefined;
}

/** A receiver, and what it got. */
async function receiver(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      received.push({ headers: request.headers as Record<string, string>, body, url: request.url });
      answer(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { received, port, url: new URL(`http://127.0.0.1:${port}/hook?a=b`) };
}

const send = async (options: Omit<WebhookOptions, 'name'>): Promise<DeliveryAnswer> => {
  const sink = webhookSink({ name: 'webhook', ...options });
  ends.push(() => sink.close?.());
  return await sink
    .deliver(event, new AbortController().signal)
    .catch((thrown: Error): DeliveryAnswer => ({ type: 'failed', reason: thrown.message }));
};

describe('a webhook', () => {
  test('gets an event as CloudEvents 1.0 has it', async () => {
    const { received, url } = await receiver((response) => response.end());
    expect(await send({ url })).toEqual({ type: 'delivered' });
    expect(received[0]!.url).toBe('/hook?a=b');
    expect(received[0]!.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(JSON.parse(received[0]!.body)).toEqual({
      specversion: '1.0',
      id: event.id,
      source: 'urn:sluice:0123456789abcdef',
      type: 'sluice.file.renamed',
      subject: 'new näme.txt',
      time: '2023-11-14T22:13:20.000Z',
      datacontenttype: 'application/json',
      data: { name: 'new näme.txt', from: 'old.txt', size: 5, crc32: 907060870, sequence: 12 },
    });
  });

  test('gets a signature that the library of Standard Webhooks verifies, of each secret', async () => {
    const { received, url } = await receiver((response) => response.end());
    const texts = [randomBytes(24), randomBytes(64)].map((bytes) => `whsec_${bytes.toString('base64')}`);
    const secrets = readSecrets(`${texts.join('\n')}\n`)!;
    await send({ url, secrets });
    const { headers, body } = received[0]!;
    expect(headers['webhook-id']).toBe(event.id);
    for (const text of texts) expect(new Webhook(text).verify(body, headers)).toMatchObject({ id: event.id });
    const other = new Webhook(`whsec_${randomBytes(32).toString('base64')}`);
    expect(() => other.verify(body, headers)).toThrow('signature');
    expect(() => new Webhook(texts[0]!).verify(`${body} `, headers)).toThrow('signature');
  });

  test.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [301, 'failed'],
    [304, 'failed'],
    [400, 'refused'],
    [404, 'refused'],
    [408, 'failed'],
    [410, 'refused'],
    [429, 'failed'],
    [500, 'failed'],
    [503, 'failed'],
  ])('that answers %i has its event %s', async (status, type) => {
    const { url } = await receiver((response) => response.writeHead(status).end('no'));
    expect((await send({ url })).type).toBe(type);
  });

  test('that redirects is not followed', async () => {
    const other = await receiver((response) => response.end());
    const { url } = await receiver((response) => response.writeHead(307, { location: other.url.href }).end());
    expect(await send({ url })).toEqual({ type: 'failed', reason: 'it answered 307' });
    expect(other.received).toEqual([]);
  });

  test('says when it wants the next event', async () => {
    const { url } = await receiver((response) => response.writeHead(503, { 'retry-after': '120' }).end());
    expect(await send({ url })).toEqual({ type: 'failed', reason: 'it answered 503', afterMs: 120_000 });
  });

  test('that does not answer in time is tried again', async () => {
    const { url } = await receiver(() => {});
    expect(await send({ url, timeoutMs: 50 })).toEqual({ type: 'failed', reason: 'no answer in 0.05 s' });
  });

  test('that is not there is tried again', async () => {
    const { url } = await receiver(() => {});
    for (const end of ends.splice(0)) end();
    expect((await send({ url })).type).toBe('failed');
  });

  test('that answers without an end is not read for ever', async () => {
    const { url } = await receiver((response) => {
      const more = () => {
        while (response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', more);
      more();
    });
    expect(await send({ url })).toEqual({ type: 'delivered' });
  });

  test('gets nothing at an address that is not allowed, whether it is a number or a name', async () => {
    const { received, url, port } = await receiver((response) => response.end());
    const addresses = readAddressRules('!127.0.0.0/8,!::1')!;
    const named = new URL(`http://localhost:${port}/`);
    for (const each of [url, named]) {
      const { hostname } = each;
      const reason = `${hostname} is at no address that is allowed`;
      expect(await send({ url: each, addresses })).toEqual({ type: 'failed', reason });
    }
    expect(received).toEqual([]);
    const allowed = readAddressRules('127.0.0.1')!;
    expect((await send({ url: named, addresses: allowed })).type).toBe('delivered');
  });
});

test('addresses are allowed by the networks that are given, but for those with an exclamation mark', () => {
  const only = readAddressRules('10.0.0.0/8, !10.0.0.1, fd00::/8')!;
  expect(['10.1.2.3', '10.0.0.1', '11.0.0.1', 'fd00::1', 'fe80::1'].map(only)).toEqual([
    ...[true, false, false, true, false],
  ]);
  const not = readAddressRules('!169.254.0.0/16')!;
  expect(['169.254.169.254', '::ffff:169.254.169.254', '8.8.8.8'].map(not)).toEqual([false, false, true]);
  for (const wrong of ['', 'host', '10.0.0.0/33', '10.0.0.0/x', '1.2.3', '10.0.0.1,']) {
    expect(readAddressRules(wrong)).toBeUndefined();
  }
});

test('secrets are read that Standard Webhooks allows, and no others', () => {
  const secret = (bytes: number) => `whsec_${Buffer.alloc(bytes, 1).toString('base64')}`;
  expect(readSecrets(`${secret(24)}\n\n  ${secret(64)}\r\n`)?.map(({ length }) => length)).toEqual([24, 64]);
  for (const wrong of ['', 'secret', secret(23), secret(65), `${secret(24)}\nx`, 'whsec_???']) {
    expect(readSecrets(wrong)).toBeUndefined();
  }
});

test('the header Retry-After is seconds or a date, an hour at the most', () => {
  const now = Date.parse('Wed, 21 Oct 2015 07:28:00 GMT');
  expect(retryAfterMs('7', now)).toBe(7000);
  expect(retryAfterMs('Wed, 21 Oct 2015 07:28:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('999999', now)).toBe(3_600_000);
  for (const nothing of [undefined, '', 'soon', '0', 'Wed, 21 Oct 2015 07:27:00 GMT']) {
    expect(retryAfterMs(nothing, now)).toBeUndefined();
  }
});

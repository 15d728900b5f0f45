/** The forwarder: its reducer as a list of events, its cache by the clock, and all of it over TCP with a real resolver. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { fc, test as property } from '@fast-check/vitest';
import { filter, firstValueFrom } from 'rxjs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { framed } from '../../src/actor/framed/framed.ts';
import { dnsForwarder } from '../../src/demo/dns-forwarder.ts';
import { parseQuery, refusal, secondsToKeep } from '../../src/demo/dns-message.ts';
import { tcpUpstream } from '../../src/demo/dns-upstream.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { dnsMessages } from '../../src/wire/codecs/dns-messages.ts';
import {
  A,
  AXFR,
  HTTPS,
  idOf,
  QR,
  query,
  RD,
  rcodeOf,
  response,
  ttlOf,
  uint16,
} from '../support/actors/dns-messages.ts';
import { dnsOrigin } from '../support/actors/dns-origin.ts';
import { served } from '../support/actors/served.ts';
import { servedOverTcp } from '../support/actors/served-over-tcp.ts';
import { manualClock } from '../support/manual-clock.ts';
import { cases } from '../support/random/cases.ts';
import { bytesOf, concat } from '../wire/stream.ts';

const [FORMERR, SERVFAIL, NXDOMAIN, NOTIMP] = [1, 2, 3, 4];

/** A forwarder, a client of it, and the queries that have reached the other server. */
function forwarder(
  answer: (query: Uint8Array) => Uint8Array | Promise<Uint8Array>,
  options: { entriesMax?: number } = {},
) {
  const asked: Uint8Array[] = [];
  const upstream = async (message: Uint8Array) => {
    asked.push(message);
    return answer(message);
  };
  const server = served(dnsForwarder({ upstream, ...options }));
  return { ...server, asked, client: framed(server.open(), dnsMessages, { keyOf: idOf }) };
}

const answering = (ttl: number) => (message: Uint8Array) => response(message, [ttl]);

describe('the reducer', () => {
  const { initial, reduce } = dnsForwarder({ upstream: () => Promise.reject() });
  const state = initial({ id: 'a', local: 'here', remote: 'there' });
  const message = (bytes: Uint8Array) => ({ type: 'message', message: bytes, cost: 0, position: 0 }) as const;
  const asker = query({ id: 7, name: 'Example.COM' });
  const effect = { type: 'resolve', query: parseQuery(asker) as never } as const;

  test('a query is resolved, and the result is sent with the id and the question of the asker', () => {
    expect(reduce(state, message(asker)).effects).toEqual([effect]);
    const value = response(query(), [60]);
    expect(reduce(state, { type: 'result', effect, value }).effects).toEqual([
      { type: 'send', message: response(asker, [60], { id: 7 }) },
    ]);
  });

  test('a failure is answered SERVFAIL, with the question', () => {
    const [sent] = reduce(state, { type: 'failed', effect, error: new Error('no') }).effects!;
    const expected = concat(uint16(7, QR | RD | 0x80 | SERVFAIL, 1, 0, 0, 0), asker.subarray(12));
    expect(sent).toEqual({ type: 'send', message: expected });
  });

  test.each([
    ['no question', uint16(7, RD, 0, 0, 0, 0), FORMERR],
    ['two questions', concat(uint16(7, RD, 2, 0, 0, 0), query().subarray(12), query().subarray(12)), FORMERR],
    ['a name that does not end', query({ id: 7 }).subarray(0, 20), FORMERR],
    ['no class', query({ id: 7 }).subarray(0, -1), FORMERR],
    ['a name that points', concat(uint16(7, RD, 1, 0, 0, 0), bytesOf(0xc0, 0), uint16(A, 1)), FORMERR],
    ['a name that is too long', query({ id: 7, name: Array(5).fill('x'.repeat(60)).join('.') }), FORMERR],
    ['a response', query({ id: 7, flags: QR }), FORMERR],
    ['an update', query({ id: 7, flags: 5 << 11 }), NOTIMP],
    ['a zone transfer', query({ id: 7, type: AXFR }), NOTIMP],
  ])('%s is not resolved, but answered with a code', (_, bytes, rcode) => {
    const [effectOf] = reduce(state, message(bytes)).effects! as [{ type: string; message: Uint8Array }];
    expect(effectOf.type).toBe('send');
    expect([idOf(effectOf.message), rcodeOf(effectOf.message)]).toEqual([7, rcode]);
    expect(effectOf.message[2]! & 0x80).toBe(0x80);
  });
});

describe('the cache', () => {
  test('a question is asked once while its answer lasts, in any case and with any id', async () => {
    const { advance } = manualClock();
    const { client, asked } = forwarder(answering(10));
    const first = query({ id: 1 });
    expect(await client.request(first)).toEqual(response(first, [10], { id: 1 }));
    const second = query({ id: 2, name: 'EXAMPLE.com' });
    await advance(4_500);
    expect(await client.request(second)).toEqual(response(second, [6], { id: 2 }));
    expect(asked).toEqual([query({ id: 0 })]);
    await advance(5_500);
    expect(ttlOf(await client.request(first), first)).toBe(10);
    expect(asked).toHaveLength(2);
  });

  test('an answer lasts for the least TTL in it', async () => {
    const { advance } = manualClock();
    const { client, asked } = forwarder((message) => response(message, [100, 3, 50]));
    await client.request(query());
    await advance(2_000);
    await client.request(query());
    expect(asked).toHaveLength(1);
    await advance(1_000);
    await client.request(query());
    expect(asked).toHaveLength(2);
  });

  test('queries that are not the same have answers of their own', async () => {
    const { client, asked } = forwarder(answering(10));
    const different = [{}, { name: 'example.org' }, { type: HTTPS }, { type: HTTPS + 32 }, { flags: 0 }];
    for (const parts of [...different, ...different]) await client.request(query(parts));
    expect(asked).toEqual(different.map((parts) => query({ id: 0, ...parts })));
  });

  test('equal questions that are asked at the same time are one query to the other server', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { client, asked, connect, stats } = forwarder((message) =>
      opened.then(() => response(message, [0])),
    );
    const other = connect();
    const replies = [1, 2, 3].map((id) => client.request(query({ id })));
    replies.push(other.request(query({ id: 1, name: 'EXAMPLE.COM' })));
    // All four are there before the first is answered.
    await expect.poll(() => stats().requests).toBe(4);
    open();
    expect((await Promise.all(replies)).map(idOf)).toEqual([1, 2, 3, 1]);
    expect(asked).toHaveLength(1);
    // What may not be kept is asked again.
    await client.request(query());
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['a failure', (to: Uint8Array) => response(to, [10], { flags: SERVFAIL }), 2],
    ['a name that does not exist', (to: Uint8Array) => response(to, [10], { flags: NXDOMAIN }), 1],
    ['a cut response', (to: Uint8Array) => response(to, [10], { flags: 0x0200 }), 2],
    ['a response without records', (to: Uint8Array) => response(to, []), 2],
    ['a TTL beyond 31 bits', (to: Uint8Array) => response(to, [2 ** 31]), 2],
    ['a long response', (to: Uint8Array) => response(to, Array(300).fill(10)), 2],
  ])('%s is kept only if it may be', async (_, answer, times) => {
    const { client, asked } = forwarder(answer);
    const [first, second] = [await client.request(query()), await client.request(query())];
    expect(asked).toHaveLength(times);
    expect(second).toEqual(first);
  });

  test('the oldest of too many responses goes first', async () => {
    const { client, asked } = forwarder(answering(10), { entriesMax: 2 });
    const ask = (name: string) => client.request(query({ name }));
    for (const name of ['a', 'b', 'c', 'c', 'b', 'a']) await ask(name);
    expect(asked.map((message) => String.fromCharCode(message[13]!))).toEqual(['a', 'b', 'c', 'a']);
  });
});

describe('another server that fails', () => {
  test.each<[string, (query: Uint8Array) => Uint8Array | Promise<Uint8Array>]>([
    ['that rejects', () => Promise.reject(new Error('no'))],
    ['that answers another question', () => response(query({ name: 'example.org' }), [10])],
    ['that answers with the query', (message) => message],
    ['that answers with less than a header', () => bytesOf(1, 2, 3)],
    ['that answers with half a record', (message) => response(message, [10]).subarray(0, -12)],
  ])('a server %s costs a SERVFAIL, and the next query is answered', async (_, fails) => {
    let failing = true;
    const { client } = forwarder((message) => (failing ? fails(message) : response(message, [10])));
    expect(rcodeOf(await client.request(query()))).toBe(SERVFAIL);
    failing = false;
    expect(rcodeOf(await client.request(query()))).toBe(0);
  });

  test('a server that does not answer costs a SERVFAIL after five seconds', async () => {
    const { advanceUntil } = manualClock();
    const { client } = forwarder(() => new Promise(() => {}));
    const since = Date.now();
    expect(rcodeOf(await advanceUntil(client.request(query()), 1_000))).toBe(SERVFAIL);
    expect(Date.now() - since).toBeGreaterThanOrEqual(5_000);
  });
});

property.prop([fc.uint8Array({ minLength: 12, maxLength: 80 })], { numRuns: cases(300) })(
  'any message is a query or is refused, and any response is kept, or is cut',
  (bytes) => {
    const parsed = parseQuery(bytes);
    if (typeof parsed === 'number') expect(rcodeOf(refusal(bytes, parsed))).toBe(parsed);
    else
      expect(refusal(bytes, SERVFAIL).subarray(12)).toEqual(bytes.subarray(12, 12 + parsed.message.length));
    try {
      expect(secondsToKeep(bytes)).toBeGreaterThanOrEqual(0);
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(RangeError);
    }
  },
);

describe('over TCP', () => {
  test('a resolver of the system has an answer of another server, and has it again from the cache', async () => {
    const origin = dnsOrigin();
    const { port: originPort } = await servedOverTcp(origin.actor);
    const upstream = tcpUpstream({ host: '127.0.0.1', port: originPort });
    const { port } = await servedOverTcp(dnsForwarder({ upstream }));
    // It asks over UDP first, and over TCP when the response is cut.
    const udp = createSocket('udp4');
    onTestFinished(() => void udp.close());
    udp.on('message', (bytes, { port: to, address }) => {
      const cut = Uint8Array.from(bytes);
      cut[2]! |= 0x82;
      udp.send(cut, to, address);
    });
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    const resolver = new Resolver({ tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    expect(await resolver.resolve4('example.com', { ttl: true })).toEqual([
      { address: '192.0.2.7', ttl: 30 },
    ]);
    expect(await resolver.resolve4('EXAMPLE.com')).toEqual(['192.0.2.7']);
    expect(origin.asked()).toBe(1);
  });

  test('a server that cannot be reached costs a SERVFAIL', async () => {
    const closed = await firstValueFrom(
      listenTcp({ port: 0 }).pipe(filter(({ type }) => type === 'listening')),
    );
    const { port } = closed as { port: number };
    const upstream = tcpUpstream({ host: '127.0.0.1', port });
    const forwarding = await servedOverTcp(dnsForwarder({ upstream }));
    const connection = await firstValueFrom(connectTcp({ host: '127.0.0.1', port: forwarding.port }));
    const client = framed(connection, dnsMessages);
    expect(rcodeOf(await client.request(query()))).toBe(SERVFAIL);
    client.destroy();
  });
});

/** Events for NATS JetStream, with its server: what counts as taken, and what comes again. */
import { type AddressInfo, createServer } from 'node:net';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type NatsOptions, natsSink } from '../../../src/server/sinks/nats-sink.ts';
import type { DeliveryAnswer, EventSink } from '../../../src/server/sinks/sink.ts';
import type { ChangeEvent } from '../../../src/store/changes/change-log.ts';
import { type Engine, type NatsFacts, needEngine, startNats } from '../../support/engines/engines.ts';

const event = (number: number): ChangeEvent => ({
  ...{ id: `0123456789abcdef-${number}`, sequence: number, type: 'stored', name: 'a.txt' },
  ...{ size: 5, crc32: 907060870, time: 1_700_000_000_000 },
});

async function server(...args: readonly string[]): Promise<Engine<NatsFacts>> {
  const engine = await startNats(...args);
  onTestFinished(engine.stop);
  return engine;
}

async function client({ facts }: Engine<NatsFacts>, token?: string): Promise<NatsConnection> {
  const connection = await connect({ servers: facts.url, ...(token && { token }) });
  onTestFinished(() => connection.close());
  return connection;
}

async function ask(connection: NatsConnection, what: string, body: object): Promise<unknown> {
  const answer = await connection.request(`$JS.API.STREAM.${what}`, JSON.stringify(body), { timeout: 5000 });
  return answer.json();
}

const makeStream = (connection: NatsConnection, facts: object = {}): Promise<unknown> =>
  ask(connection, 'CREATE.FILES', { name: 'FILES', subjects: ['files.>'], storage: 'file', ...facts });

/** The messages of the stream: their heads and bodies. */
async function messages(connection: NatsConnection): Promise<{ head: string; body: unknown }[]> {
  const found = [];
  for (let seq = 1; ; seq++) {
    const answer = (await ask(connection, 'MSG.GET.FILES', { seq })) as {
      readonly message?: { readonly hdrs: string; readonly data: string };
    };
    if (answer.message === undefined) return found;
    const [head, body] = [answer.message.hdrs, answer.message.data].map((text) =>
      Buffer.from(text, 'base64').toString(),
    ) as [string, string];
    found.push({ head, body: JSON.parse(body) });
  }
}

function sinkTo({ facts }: Engine<NatsFacts>, options: Partial<NatsOptions> = {}): EventSink {
  const sink = natsSink({ name: 'nats', servers: [facts.url], subject: 'files.changed', ...options });
  onTestFinished(() => sink.close?.());
  return sink;
}

const send = (sink: EventSink, number: number): Promise<DeliveryAnswer> =>
  sink
    .deliver(event(number), new AbortController().signal)
    .catch((thrown: Error): DeliveryAnswer => ({ type: 'failed', reason: thrown.message }));

describe.skipIf(!needEngine('nats'))('a sink for NATS', () => {
  test('a stream that has acknowledged an event has it as CloudEvents, and once, however often it comes', async () => {
    const nats = await server();
    const connection = await client(nats);
    await makeStream(connection);
    const sink = sinkTo(nats);
    expect(await send(sink, 1)).toEqual({ type: 'delivered' });
    expect(await send(sink, 1)).toEqual({ type: 'delivered' });
    expect(await send(sink, 2)).toEqual({ type: 'delivered' });
    const kept = await messages(connection);
    expect(kept.map(({ body }) => body)).toMatchObject([
      { specversion: '1.0', id: event(1).id, type: 'sluice.file.stored', subject: 'a.txt' },
      { id: event(2).id },
    ]);
    expect(kept[0]!.head).toContain(`Nats-Msg-Id: ${event(1).id}\r\n`);
    expect(kept[0]!.head).toContain('Content-Type: application/cloudevents+json');
  });

  test('an event that no stream takes, or that a stream refuses, is not delivered and comes again', async () => {
    const nats = await server();
    const connection = await client(nats);
    const sink = sinkTo(nats);
    expect(await send(sink, 1)).toEqual({ type: 'failed', reason: 'no stream takes files.changed' });
    await makeStream(connection, { max_msgs: 1, discard: 'new' });
    expect(await send(sink, 1)).toEqual({ type: 'delivered' });
    expect(await send(sink, 2)).toEqual({ type: 'failed', reason: 'maximum messages exceeded' });
  });

  test('the answer of somebody else who listens to the subject is no delivery', async () => {
    const nats = await server();
    const connection = await client(nats);
    connection.subscribe('files.changed', {
      callback: (_, message) => void message.respond('{}'),
    });
    await connection.flush();
    expect(await send(sinkTo(nats), 1)).toEqual({ type: 'failed', reason: 'what answered is no stream' });
  });

  test('a server that was killed is gone on with once it is there again', async () => {
    const nats = await server();
    await makeStream(await client(nats));
    const sink = sinkTo(nats, { timeoutMs: 5000 });
    expect(await send(sink, 1)).toEqual({ type: 'delivered' });
    await nats.kill();
    expect(await send(sink, 2)).toMatchObject({ type: 'failed' });
    await nats.restart();
    expect(await send(sink, 2)).toEqual({ type: 'delivered' });
    expect((await messages(await client(nats))).map(({ body }) => body)).toMatchObject([
      { id: event(1).id },
      { id: event(2).id },
    ]);
  });

  test('a server that stands still is waited for no longer than the time-out', async () => {
    const nats = await server();
    await makeStream(await client(nats));
    const connected = sinkTo(nats, { timeoutMs: 300 });
    expect(await send(connected, 1)).toEqual({ type: 'delivered' });
    await nats.pause();
    onTestFinished(nats.resume);
    expect(await send(connected, 2)).toEqual({ type: 'failed', reason: 'timeout' });
    expect(await send(sinkTo(nats, { timeoutMs: 300 }), 2)).toMatchObject({ type: 'failed' });
  });

  test('a token lets it in, and without one it is kept out', async () => {
    const nats = await server('--auth', 's3cret');
    await makeStream(await client(nats, 's3cret'));
    const credentials = { type: 'token', token: 's3cret' } as const;
    expect(await send(sinkTo(nats, { credentials }), 1)).toEqual({ type: 'delivered' });
    const { reason } = (await send(sinkTo(nats), 1)) as { reason: string };
    expect(reason).toContain('Authorization Violation');
  });

  test('nothing is said in the clear to a server that is to speak TLS', async () => {
    let heard = '';
    const plain = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', (chunk) => {
          heard += chunk.toString('latin1');
        });
      socket.write(
        'INFO {"server_id":"A","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576}\r\n',
      );
    });
    await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void plain.close());
    const servers = [`tls://127.0.0.1:${(plain.address() as AddressInfo).port}`];
    const credentials = { type: 'token', token: 's3cret' } as const;
    const sink = natsSink({ name: 'nats', servers, subject: 'files', credentials, timeoutMs: 1000 });
    expect(await send(sink, 1)).toMatchObject({ type: 'failed' });
    expect(heard).not.toContain('s3cret');
  });
});

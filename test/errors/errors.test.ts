/** Makes everything that is exported fail in reality, and holds what it fails with to being an Error that says what is wrong. */
import { once as event } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import {
  concat,
  EMPTY,
  lastValueFrom,
  mergeMap,
  NEVER,
  type Observable,
  of,
  tap,
  VirtualTimeScheduler,
} from 'rxjs';
import { API, SymbolFlags } from 'typescript/unstable/sync';
import { describe, expect, onTestFinished, test } from 'vitest';
import { played, served } from '../client/served.ts';
import { createAuthority } from '../support/certificates.ts';
import * as library from '../support/library.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';
import { once, turns } from '../transport/connection-helpers.ts';
import { listener, tcpPair } from '../transport/tcp-pair.ts';
import { webSockets } from '../transport/web/web-socket-pair.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const golden = (name: string): string => join(root, 'test/golden/captures', name);

/** The error of something that must fail. */
async function failureOf(attempt: unknown): Promise<unknown> {
  try {
    if (typeof (attempt as Observable<unknown>).subscribe === 'function')
      await lastValueFrom(attempt as Observable<unknown>, { defaultValue: null });
    else if (Symbol.asyncIterator in (attempt as object))
      for await (const _ of attempt as AsyncIterable<unknown>);
    else await attempt;
  } catch (error) {
    return error;
  }
  throw expect.unreachable('it did not fail');
}

const host = '127.0.0.1';
const text = new TextEncoder();
const words = library.lines({ maxLength: 100 });
const frame = library.lengthField({ width: 4, maxLength: 100 });
const bytes = library.bytesContent(Uint8Array.of(1, 2, 3));
const authority = createAuthority('Test CA');
const certificate = authority.issue({ subject: [['CN', 'server']], names: [host] });

/** A port that is listened on. */
async function takenPort(): Promise<number> {
  const { port, stop } = await listener();
  onTestFinished(stop);
  return port;
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const { port, stop } = await listener();
  stop();
  await turns(5);
  return port;
}

/** A connection that its peer has reset. */
async function resetConnection(): Promise<library.Connection> {
  const [left, right] = await tcpPair();
  right.destroy();
  return left;
}

/** The capture of a file, without its last bytes. */
const cut = (name = 'sluice.pcapng'): library.Capture =>
  library.captureOf(readFileSync(golden(name)).subarray(0, -5), name);

/** Reads the connections of a replay, whatever comes of them: it goes on only while they are read. */
const read = tap(({ connection }: library.ReplayEvent) => connection.chunks$.subscribe({ error: () => {} }));

/** A client whose server answers every request with something that is no answer. */
function misunderstood(): library.Client {
  const [here, there] = library.memoryPair();
  there.chunks$.subscribe({
    next: () => there.write([text.encode('HTTP/1.1 400')], () => {}),
    error: () => {},
  });
  return library.createClient(here);
}

/** A client whose server has reset the connection. */
function abandoned(): library.Client {
  const { client, there } = played();
  there.destroy();
  return client;
}

const refusing = async () => {
  const port = await freePort();
  return { connect: () => library.connectTcp({ host, port }), retries: 0 };
};

type Expected = readonly [library: abstract new (...args: never) => unknown, code: string];

/** By what is called: what makes it fail, and how. */
const failures: Readonly<Record<string, readonly (readonly [() => unknown, ...Expected])[]>> = {
  connectTcp: [
    [
      async () => once(library.connectTcp({ host, port: await freePort() })),
      library.ConnectionError,
      'refused',
    ],
    [() => library.connectTcp({ host: 'no.such.host.invalid', port: 1 }), library.ConnectionError, ''],
    [() => library.connectTcp({ host, port: 70_000 }), library.ConnectionError, 'failed'],
  ],
  connectTls: [
    [
      async () => once(library.connectTls({ host, port: await takenPort(), timeout: 50 })),
      library.ConnectionError,
      'timeout',
    ],
    [
      async () => {
        const { port, stop } = await listener(library.listenTls({ port: 0, credentials$: of(certificate) }));
        onTestFinished(stop);
        return once(library.connectTls({ host, port }));
      },
      library.ConnectionError,
      'untrusted',
    ],
  ],
  connectUnix: [
    [() => library.connectUnix({ path: '/no/such/socket' }), library.ConnectionError, 'unreachable'],
  ],
  connectClient: [
    [
      async () => once(library.connectClient({ host, port: await freePort() })),
      library.ConnectionError,
      'refused',
    ],
  ],
  listenTcp: [
    [async () => once(library.listenTcp({ port: await takenPort() })), library.ListenError, 'in-use'],
    [() => library.listenTcp({ host: '192.0.2.1', port: 0 }), library.ListenError, 'no-such-address'],
  ],
  listenTls: [
    [
      () => library.listenTls({ port: 0, credentials$: of({ cert: 'no', key: 'no' }) }),
      library.ListenError,
      'bad-credentials',
    ],
    [
      async () =>
        once(library.listenTls({ port: await takenPort(), credentials$: concat(of(certificate), NEVER) })),
      library.ListenError,
      'in-use',
    ],
  ],
  listenUnix: [
    [
      () => {
        const path = join(tempFolder(), 's');
        writeFileSync(path, 'no socket');
        return library.listenUnix({ path });
      },
      library.ListenError,
      'failed',
    ],
    [() => library.listenUnix({ path: '/no/such/folder/s' }), library.ListenError, 'failed'],
  ],
  listenUdp: [
    [() => library.listenUdp({ host: '192.0.2.1', port: 0 }), library.ListenError, 'no-such-address'],
  ],
  serve: [
    [
      async () => {
        const connections$ = library.listenTcp({ port: await takenPort() });
        return lastValueFrom(library.serve({ connections$, store: library.memoryStore() }));
      },
      library.ListenError,
      'in-use',
    ],
  ],
  'startServer.ready': [
    [
      async () => library.startServer({ port: await takenPort(), store: library.memoryStore() }).ready,
      library.ListenError,
      'in-use',
    ],
    [
      async () => {
        const server = library.startServer({ connections$: NEVER, store: library.memoryStore() });
        const ready = server.ready;
        await server.close({ grace: 0 });
        return ready;
      },
      library.StateError,
      'closed',
    ],
  ],
  'startServer.closed': [
    [
      async () => library.startServer({ host: '192.0.2.1', store: library.memoryStore() }).closed,
      library.ListenError,
      'no-such-address',
    ],
  ],
  serveActors: [
    [
      async () => {
        const connections$ = library.listenTcp({ port: await takenPort() });
        const actor = library.defineActor()({
          codec: words,
          initial: () => ({}),
          reduce: (state: object) => ({ state, effects: [] }),
        } as never);
        return lastValueFrom(library.serveActors({ connections$, actor } as never));
      },
      library.ListenError,
      'in-use',
    ],
  ],
  'fromSocket.chunks$': [
    [async () => lastValueFrom((await resetConnection()).chunks$), library.ConnectionError, 'reset'],
    [
      async () => {
        const [left] = await tcpPair();
        left.destroy();
        return lastValueFrom(left.chunks$);
      },
      library.ConnectionError,
      'destroyed',
    ],
    [
      async () => {
        const server = createServer((accepted) => accepted.on('error', () => {})).listen(0, host);
        await event(server, 'listening');
        onTestFinished(() => void server.close());
        const socket = new Socket({ allowHalfOpen: true });
        socket.pause().connect((server.address() as AddressInfo).port, host);
        await event(socket, 'connect');
        const connection = library.fromSocket(socket);
        onTestFinished(() => connection.destroy());
        connection.chunks$.subscribe({ error: () => {} });
        return lastValueFrom(connection.chunks$);
      },
      library.StateError,
      'has-subscriber',
    ],
  ],
  'fromWebSocket.chunks$': [
    [
      async () => {
        const [client, server] = await webSockets();
        const connection = library.fromWebSocket(server);
        client.on('open', () => client.send('text'));
        onTestFinished(() => client.terminate());
        return lastValueFrom(connection.chunks$);
      },
      library.ConnectionError,
      'failed',
    ],
  ],
  'fromWebStreams.chunks$': [
    [
      () =>
        library.fromWebStreams({
          readable: new ReadableStream({ pull: (controller) => controller.error(new Error('the cable')) }),
          writable: new WritableStream(),
        }).chunks$,
      library.ConnectionError,
      'reset',
    ],
  ],
  enframe: [
    [
      () => of(new Uint8Array(101)).pipe(library.enframe({ width: 4, maxLength: 100 })),
      library.EncodeError,
      'length-too-large',
    ],
  ],
  frames: [
    [() => of(Uint8Array.of(0, 0, 0, 9, 1)).pipe(library.frames(frame)), library.FrameError, 'truncated'],
    [() => of(Uint8Array.of(9, 9, 9, 9)).pipe(library.frames(frame)), library.FrameError, 'length-too-large'],
  ],
  'framed.messages$': [
    [
      () => {
        const [here, there] = library.memoryPair();
        there.write([text.encode('G'.repeat(200))], () => {});
        return library.framed(here, words).messages$;
      },
      library.FrameError,
      'length-too-large',
    ],
    [
      () => {
        const peer = library.framed(library.memoryPair()[0], words);
        peer.messages$.subscribe({ error: () => {} });
        return peer.messages$;
      },
      library.StateError,
      'has-subscriber',
    ],
  ],
  'framed.next': [
    [async () => library.framed(await resetConnection(), words).next(), library.ConnectionError, 'reset'],
  ],
  'framed.send': [
    [
      async () => {
        const [here] = library.memoryPair();
        here.destroy();
        return library.framed(here, words).send('to nobody');
      },
      library.ConnectionError,
      'destroyed',
    ],
  ],
  'framed.request': [
    [
      () => library.framed(library.memoryPair()[0], words).request('ping', { timeoutMs: 10 }),
      library.RequestTimeout,
      'timeout',
    ],
    [
      () => {
        const peer = library.framed(library.memoryPair()[0], words);
        peer.use(words);
        return peer.request('ping', { timeoutMs: 10 });
      },
      library.StateError,
      'replaced',
    ],
    [
      () => {
        const [here, there] = library.memoryPair();
        there.end();
        return library.framed(here, words).request('ping', { timeoutMs: 10_000 });
      },
      library.ConnectionError,
      'reset',
    ],
  ],
  'createClient.put': [
    [() => served().client.put('../no', bytes), library.ClientError, 'refused'],
    [
      () => served().client.put('a', () => library.fileContent('/no/such/file')),
      library.ClientError,
      'content',
    ],
    [() => served().client.put('a', { size: 5, read: () => 0 }), library.ClientError, 'content'],
    [() => served().client.put('n'.repeat(2 ** 20), bytes), library.ClientError, 'unsendable'],
    [
      async () => {
        const { client, arrived, reply } = played();
        const put = lastValueFrom(client.put('a', bytes));
        put.catch(() => {});
        await arrived(1);
        reply({ ack: 'put', id: 1, filename: 'a', size: 3, crc32: 1, durable: true });
        return put;
      },
      library.ClientError,
      'mismatch',
    ],
  ],
  'createClient.resume': [[() => abandoned().resume('id'), library.ClientError, 'connection']],
  'createClient.cancel': [[() => served().client.cancel('none'), library.ClientError, 'refused']],
  'createClient.hello': [[() => misunderstood().hello(), library.ClientError, 'protocol']],
  'createClient.get': [
    [() => served().client.get('none'), library.ClientError, 'refused'],
    [
      async () => {
        const { client, arrived, reply, there } = played();
        const reading = lastValueFrom(client.get('a').pipe(mergeMap(({ bytes$ }) => bytes$)));
        reading.catch(() => {});
        await arrived(1);
        reply({ ack: 'get', id: 1, filename: 'a', size: 9, mtime: 1, offset: 0, body: 9 }, Uint8Array.of(1));
        await turns(5);
        there.destroy();
        return reading;
      },
      library.ClientError,
      'connection',
    ],
  ],
  'createClient.list': [[() => abandoned().list(), library.ClientError, 'connection']],
  'createClient.page': [[() => served().client.page({ limit: -1 }), library.ClientError, 'refused']],
  'createClient.stat': [
    [() => served().client.stat('none'), library.ClientError, 'refused'],
    [() => played({ timeout: 20 }).client.stat('none'), library.ClientError, 'connection'],
  ],
  'createClient.delete': [[() => served().client.delete('none'), library.ClientError, 'refused']],
  'createClient.rename': [[() => served().client.rename('none', 'b'), library.ClientError, 'refused']],
  'createClient.ping': [
    [
      () => {
        const { client } = served();
        client.destroy();
        return client.ping();
      },
      library.ClientError,
      'connection',
    ],
  ],
  'createClient.request': [[() => served().client.request({ cmd: 'dance' }), library.ClientError, 'refused']],
  'createUploads.cancel': [
    [
      async () => lastValueFrom(library.createUploads(await refusing()).cancel('a')),
      library.ClientError,
      'connection',
    ],
  ],
  'createUploads.upload': [
    [
      async () => lastValueFrom(library.createUploads(await refusing()).upload('a', bytes)),
      library.ClientError,
      'connection',
    ],
    [
      () => {
        const uploads = library.createUploads({ connect: () => of(library.memoryPair()[0]), retries: 0 });
        return uploads.upload('a', () => library.fileContent('/'));
      },
      library.ClientError,
      'content',
    ],
  ],
  'createDownloads.fetch': [
    [
      async () =>
        lastValueFrom(
          library.createDownloads(await refusing()).fetch('a', { begin: () => {}, write: () => {} }),
          {
            defaultValue: null,
          },
        ),
      library.ClientError,
      'connection',
    ],
  ],
  'createDownloads.stat': [
    [
      async () => lastValueFrom(library.createDownloads(await refusing()).stat('a')),
      library.ClientError,
      'connection',
    ],
  ],
  'createDownloads.page': [
    [
      async () => lastValueFrom(library.createDownloads(await refusing()).page()),
      library.ClientError,
      'connection',
    ],
  ],
  'createUnacknowledgedSender.put': [
    [
      async () =>
        lastValueFrom(
          library.createUnacknowledgedSender(await resetConnection()).put('a', { size: 9, read: () => 0 }),
        ),
      library.ClientError,
      '',
    ],
  ],
  'createUnacknowledgedSender.end': [
    [
      async () => lastValueFrom(library.createUnacknowledgedSender(await resetConnection()).end(1_000)),
      library.ClientError,
      'connection',
    ],
  ],
  readStreams: [
    [() => library.readStreams(cut()), library.CaptureError, 'truncated'],
    [
      () => library.readStreams(library.captureFile(join(root, 'package.json'))),
      library.CaptureError,
      'not-a-capture',
    ],
    [() => library.readStreams(library.captureFile('/no/such/file')), library.CaptureError, 'unreadable'],
    [
      () => {
        const path = join(tempFolder(), 'x.pcap.gz');
        writeFileSync(path, Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff));
        return library.readStreams(library.captureFile(path));
      },
      library.CaptureError,
      'damaged',
    ],
  ],
  inspect: [[() => library.inspect(cut()), library.CaptureError, 'truncated']],
  replay: [[() => library.replay(cut()).pipe(read), library.CaptureError, 'truncated']],
  replayStreams: [
    [
      () => library.replayStreams(() => library.readStreams(cut())).pipe(read),
      library.CaptureError,
      'truncated',
    ],
  ],
  replayTo: [[() => library.replayTo(cut(), () => EMPTY), library.CaptureError, 'truncated']],
  replayStreamsTo: [
    [
      () =>
        library.replayStreamsTo(
          () => library.readStreams(cut()),
          () => EMPTY,
        ),
      library.CaptureError,
      'truncated',
    ],
  ],
  verifyReplay: [[() => library.verifyReplay(cut()), library.CaptureError, 'truncated']],
  verifyStreams: [
    [() => library.verifyStreams(() => library.readStreams(cut())), library.CaptureError, 'truncated'],
  ],
  recordInto: [
    [() => library.recordInto(join(root, 'package.json')), library.CaptureError, 'unwritable'],
    [() => library.recordInto(join(root, 'package.json/below')), library.CaptureError, 'unwritable'],
  ],
  inVirtualTime: [
    [() => library.inVirtualTime(new VirtualTimeScheduler(), NEVER), library.StateError, 'not-completed'],
    [
      () => library.inVirtualTime(new VirtualTimeScheduler(), library.replay(cut()).pipe(read)),
      library.CaptureError,
      'truncated',
    ],
  ],
  assertReplaysTheSame: [
    [
      () =>
        library.assertReplaysTheSame(
          library.captureFile(golden('sluice.pcapng')),
          library.service(() => EMPTY),
        ),
      library.ComparisonError,
      'different',
    ],
    [() => library.assertReplaysTheSame(cut(), library.fileServer()), library.CaptureError, 'truncated'],
  ],
  assertSameInAnyChunking: [
    [
      () =>
        library.assertSameInAnyChunking(
          library.captureFile(golden('sluice.pcapng')),
          ({ chunks$ }) => chunks$,
        ),
      library.ComparisonError,
      'different',
    ],
    [
      () =>
        library.assertSameInAnyChunking(
          library.captureOf(readFileSync(golden('dns.pcap')).subarray(0, 24)),
          () => EMPTY,
        ),
      library.ComparisonError,
      'nothing-to-compare',
    ],
  ],
};

/** What has no error of its own: it has data instead, or passes on what its source or a function of its user has. */
const WITHOUT_ERRORS: readonly string[] = [
  // Faults are events, and the error of the source is passed on.
  'deframe',
  'mapPausing',

  // What it is given errors, and what it serves says how that went.
  'fileServer.serve',
  'service.serve',
  // Faults are events.
  'framesOf.read',
  // A value says how it went.
  'closeGracefully',
  'openAccessFile',
  'createMetrics',
  'openDiskStore',
  'openChangeLog',
  'record.ends$',
  'record.close',
  'createUploads.retries$',
  'createDownloads.retries$',
  'memoryStore.close',
  'withQuotas.close',
  'startServer.close',
  // What cannot be read or delivered is tried again.
  'acknowledgedChanges',
  'startServer.changes$',
  // `closed` has the failure.
  'startServer.events$',
  // `closed$` emits the fault.
  ...['createClient', 'fromWebSocket', 'fromWebStreams', 'framed', 'fromSocket'].map((of) => `${of}.closed$`),
];

/** The exported functions, and methods of what they make, whose result is a promise, an Observable or an iterable. */
function asynchronous(): string[] {
  const isAsync = (type: string) => /^(Promise|Observable|AsyncGenerator|OperatorFunction)</.test(type);
  const api = new API({ cwd: root });
  try {
    const [project] = api.updateSnapshot({ openProject: `${root}tsconfig.json` }).getProjects();
    const { program, checker } = project!;
    const face = checker.getSymbolAtLocation(program.getSourceFile(`${root}test/support/library.ts`)!)!;
    const found = new Set<string>();
    for (const exported of checker.getExportsOfModule(face)) {
      const type = checker.getTypeOfSymbol(
        exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported,
      );
      for (const signature of type === undefined ? [] : checker.getSignaturesOfType(type, 0)) {
        const made = checker.getReturnTypeOfSignature(signature)!;
        if (isAsync(checker.typeToString(made))) {
          found.add(exported.name);
          continue;
        }
        for (const member of checker.getPropertiesOfType(made)) {
          const memberType = checker.getTypeOfSymbol(member)!;
          const results = checker
            .getSignaturesOfType(memberType, 0)
            .map((each) => checker.getReturnTypeOfSignature(each)!);
          if ([memberType, ...results].some((each) => isAsync(checker.typeToString(each))))
            found.add(`${exported.name}.${member.name}`);
        }
      }
    }
    return [...found];
  } finally {
    api.close();
  }
}

/** Holds what something has failed with to the rule. */
function hold(error: unknown, [kind, code]: Expected): void {
  expect(error).toBeInstanceOf(Error);
  expect(error).toBeInstanceOf(library.SluiceError);
  expect(error).toBeInstanceOf(kind);
  const { name, message, stack, fault, cause } = error as library.SluiceError;
  const ownCode = (error as library.SluiceError).code;
  expect(name).toBe(kind.name);
  if (code !== '') expect(ownCode).toBe(code);
  expect(ownCode).toMatch(/^[a-z-]+$/);
  expect(message).toMatch(/\w+ \w+/);
  // What loggers, Nest's filters and Sentry show.
  expect(String(error)).toBe(`${name}: ${message}`);
  expect(stack?.startsWith(`${name}: ${message}\n    at `)).toBe(true);
  expect(inspect(error)).toContain(`${name}: ${message}`);
  expect(inspect(error)).toContain(`code: '${ownCode}'`);
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ name, code: ownCode, message });
  // The data, as streams emit it.
  expect(Object.getPrototypeOf(fault)).toBe(Object.prototype);
  expect(fault.code).toBe(ownCode);
  if (cause !== undefined) expect(cause).toBeInstanceOf(Error);
}

describe('what is exported fails with Errors:', () => {
  test('everything that can fail is known here', () => {
    expect(asynchronous().sort()).toEqual([...Object.keys(failures), ...WITHOUT_ERRORS].sort());
  });

  const all = Object.entries(failures).flatMap(([name, cases]) =>
    cases.map(([fail, kind, code], at) => [name, at, fail, kind, code] as const),
  );
  test.each(all)('%s fails with an Error that says what is wrong (%i)', async (_, _at, fail, kind, code) => {
    hold(await failureOf(fail()), [kind, code]);
  });
});

test('opening a store or an access file that is not there answers with a value', async () => {
  const missing = join(tempFolder(), 'file');
  writeFileSync(missing, '');
  expect(await library.openDiskStore(join(missing, 'below'))).toMatchObject({
    ok: false,
    error: { code: expect.any(String) },
  });
  expect(await library.openAccessFile(join(missing, 'below'))).toMatchObject({ ok: false });
});

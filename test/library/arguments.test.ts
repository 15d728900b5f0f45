/** Every function that the package exports, given what a program in JavaScript would give it by mistake. */
import { isObservable, lastValueFrom, NEVER, of, VirtualTimeScheduler } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../src/store/crc32.ts';
import { type BytesLike, bytesOf } from '../../src/wire/bytes.ts';
import * as library from '../support/library.ts';

const wrong = {
  undefined: undefined,
  null: null,
  NaN: Number.NaN,
  '-1': -1,
  '1.5': 1.5,
  Infinity: Number.POSITIVE_INFINITY,
  '2 ** 53': 2 ** 53,
  true: true,
  'a number': 7,
  'a string': 'text',
  'a BigInt': 7n,
  'a symbol': Symbol('s'),
  'an array': [7],
  'an ArrayBuffer': new ArrayBuffer(2),
  'a DataView': new DataView(new ArrayBuffer(2)),
  'an object': {},
  'a function': () => {},
} as const;
type Kind = keyof typeof wrong;

const BYTES: readonly Kind[] = ['an ArrayBuffer', 'a DataView'];
const OBJECTS: readonly Kind[] = ['an object', ...BYTES];
/** What may be left out. */
const LEFT_OUT: readonly Kind[] = ['undefined'];

/** A call with one argument or option in question, and the kinds of value that are right there. */
interface Argument {
  readonly call: (value: never) => unknown;
  readonly right?: readonly Kind[];
}

const given = (call: (value: never) => unknown, ...right: readonly (Kind | readonly Kind[])[]): Argument => ({
  call,
  right: right.flat() as readonly Kind[],
});

const {
  bytesContent,
  captureOf,
  createRechunker,
  initialDeframeState,
  lengthField,
  memoryPair,
  memoryStore,
} = library;
const size = { width: 2, maxLength: 9 } as const;
const framing = lengthField(size);
const bytes = Uint8Array.of(1);
const store = memoryStore();
const capture = captureOf(new Uint8Array(0));
const connection = () => memoryPair()[0];
const connect = () => of(connection());
const connections$ = NEVER;
const conversations = async function* () {};
const scheduler = new VirtualTimeScheduler();
const nothing = () => {};
const runner = { describe: nothing, it: nothing };
const noStats = () => ({ connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 });
const webSocket = { readyState: 1, addEventListener: nothing, send: nothing, close: nothing } as never;
const command = { pattern: { cmd: 'x' }, touches: {}, start: nothing, on: nothing } as never as object;

const codec = library.lines({ maxLength: 1 });
const actor = library.defineActor()({ codec, reduce: (state) => ({ state }) });

const functions: Readonly<Record<string, readonly Argument[]>> = {
  // It is given what `trace` is called with.
  formatTrace: [],
  traceToChannel: [],
  defineActor: [
    given((it) => library.defineActor()(it)),
    given((it) => library.defineActor()({ codec: it, reduce: nothing } as never)),
    given((it) => library.defineActor()({ codec, reduce: it } as never), 'a function'),
    given(
      (it) => library.defineActor()({ codec, reduce: nothing, accepts: it } as never),
      LEFT_OUT,
      'a function',
    ),
  ],
  delimited: [
    given((it) => library.delimited(it, { maxLength: 1 }), BYTES),
    given((it) => library.delimited(bytes, it)),
    given((it) => library.delimited(bytes, { maxLength: it }), 'a number'),
  ],
  framed: [
    given((it) => library.framed(it, codec)),
    given((it) => library.framed(connection(), it)),
    given((it) => library.framed(connection(), codec, it), LEFT_OUT, OBJECTS),
    given((it) => library.framed(connection(), codec, { timeoutMs: it }), LEFT_OUT, '1.5', 'a number'),
  ],
  frames: [given((it) => library.frames(it))],
  jsonMessages: [given((it) => library.jsonMessages(it))],
  lines: [given((it) => library.lines(it)), given((it) => library.lines({ maxLength: it }), 'a number')],
  mapPausing: [
    given((it) => library.mapPausing(it, () => NEVER)),
    given((it) => library.mapPausing(connection(), it), 'a function'),
    given((it) => library.mapPausing(connection(), () => NEVER, it), LEFT_OUT, OBJECTS),
  ],
  messages: [
    given((it) => library.messages(it, { decode: nothing, encode: nothing } as never)),
    given((it) => library.messages(library.lengthField({ width: 1, maxLength: 1 }), it)),
  ],
  serveActors: [
    given((it) => library.serveActors({ connections$: it, actor })),
    given((it) => library.serveActors({ connections$, actor: it })),
    given((it) => library.serveActors({ connections$, actor, limits: it }), LEFT_OUT, OBJECTS),
  ],
  acknowledge: [given((it) => library.acknowledge(null, it), LEFT_OUT, OBJECTS)],
  assertReplaysTheSame: [
    given((it) => library.assertReplaysTheSame(it, library.fileServer())),
    given((it) => library.assertReplaysTheSame(capture, it), 'a function'),
    given((it) => library.assertReplaysTheSame(capture, library.fileServer(), it), LEFT_OUT, OBJECTS),
    given(
      (it) => library.assertReplaysTheSame(capture, library.fileServer(), { conversation: it }),
      LEFT_OUT,
      'a number',
    ),
    given((it) => library.assertReplaysTheSame(capture, library.fileServer(), { ignore: it }), LEFT_OUT),
    given((it) => library.assertReplaysTheSame(capture, library.fileServer(), { framing: it }), LEFT_OUT),
    given(
      (it) => library.assertReplaysTheSame(capture, library.fileServer(), { seed: it }),
      LEFT_OUT,
      '-1',
      'a number',
    ),
    given(
      (it) => library.assertReplaysTheSame(capture, library.fileServer(), { runs: it }),
      LEFT_OUT,
      'a number',
    ),
    given(
      (it) => library.assertReplaysTheSame(capture, library.fileServer(), { stall: it }),
      LEFT_OUT,
      '1.5',
      'a number',
    ),
    given(
      (it) => library.assertReplaysTheSame(capture, library.fileServer(), { allowIncomplete: it }),
      LEFT_OUT,
      'true',
    ),
  ],
  assertSameInAnyChunking: [
    given((it) => library.assertSameInAnyChunking(it, () => NEVER)),
    given((it) => library.assertSameInAnyChunking(capture, it), 'a function'),
  ],
  blobContent: [given((it) => library.blobContent(it))],
  bytesContent: [given((it) => bytesContent(it), BYTES)],
  streamContent: [
    given((it) => library.streamContent(it, { size: 1 })),
    given((it) => library.streamContent(new ReadableStream(), it)),
    given((it) => library.streamContent(new ReadableStream(), { size: it }), 'a number'),
    given(
      (it) => library.streamContent(new ReadableStream(), { size: 1, mtime: it }),
      LEFT_OUT,
      'a number',
      '-1',
    ),
  ],
  captureFile: [
    given((it) => library.captureFile(it), 'a string'),
    given((it) => library.captureFile('a', it), LEFT_OUT, OBJECTS),
    given((it) => library.captureFile('a', { reuse: it }), LEFT_OUT, 'true'),
  ],
  captureOf: [given((it) => captureOf(it), BYTES), given((it) => captureOf(bytes, it), LEFT_OUT, 'a string')],
  closeGracefully: [
    given((it) => library.closeGracefully(it)),
    given((it) => library.closeGracefully(connection(), it), LEFT_OUT, OBJECTS),
    given(
      (it) => library.closeGracefully(connection(), { lingerMs: it }),
      LEFT_OUT,
      ...(['1.5', 'a number'] as const),
    ),
  ],
  connectClient: [
    given((it) => library.connectClient(it)),
    given((it) => library.connectClient({ host: it, port: 1 }), 'a string'),
    given((it) => library.connectClient({ host: 'localhost', port: 1, window: it }), LEFT_OUT, 'a number'),
  ],
  connectTcp: [
    given((it) => library.connectTcp(it)),
    given((it) => library.connectTcp({ host: it, port: 1 }), 'a string'),
    given((it) => library.connectTcp({ host: '127.0.0.1', port: it }), 'a number'),
    given(
      (it) => library.connectTcp({ host: 'localhost', port: 1, timeout: it }),
      LEFT_OUT,
      '1.5',
      'a number',
    ),
  ],
  connectTls: [
    given((it) => library.connectTls(it)),
    given((it) => library.connectTls({ host: it, port: 1 }), 'a string'),
    given((it) => library.connectTls({ host: 'localhost', port: 1, ca: it }), LEFT_OUT, 'a string', BYTES),
  ],
  connectUnix: [
    given((it) => library.connectUnix(it)),
    given((it) => library.connectUnix({ path: it }), 'a string'),
    given((it) => library.connectUnix({ path: '/nowhere', timeout: it }), LEFT_OUT, '1.5', 'a number'),
  ],
  createClient: [
    given((it) => library.createClient(it)),
    given((it) => library.createClient(connection(), it), LEFT_OUT, OBJECTS),
    given((it) => library.createClient(connection(), { window: it }), LEFT_OUT, 'a number'),
    given((it) => library.createClient(connection(), { timeout: it }), LEFT_OUT, '1.5', 'a number'),
    given((it) => library.createClient(connection()).put('a', it)),
    given(
      (it) => library.createClient(connection()).put('a', { size: it, read: nothing as never }),
      'a number',
    ),
  ],
  createDownloads: [
    given((it) => library.createDownloads(it)),
    given((it) => library.createDownloads({ connect: it }), 'a function'),
    given((it) => library.createDownloads({ connect, parallel: it }), LEFT_OUT, 'a number'),
    given((it) => library.createDownloads({ connect, parallelMax: it }), LEFT_OUT, 'a number'),
    given(
      (it) => library.createDownloads({ connect }).fetch(it, { begin: nothing, write: nothing }),
      'a string',
    ),
    given((it) => library.createDownloads({ connect }).fetch('a', it)),
    given((it) => library.createDownloads({ connect: () => it }).stat('a')),
  ],
  createUnacknowledgedSender: [
    given((it) => library.createUnacknowledgedSender(it)),
    given((it) => library.createUnacknowledgedSender(connection()).put(it, bytesContent(bytes)), 'a string'),
    given((it) => library.createUnacknowledgedSender(connection()).put('a', it), 'a function'),
    given((it) => library.createUnacknowledgedSender(connection()).end(it), '1.5', 'a number'),
  ],
  createMetrics: [
    given((it) => library.createMetrics(it)),
    given((it) => library.createMetrics({ events$: it, stats: noStats })),
    given((it) => library.createMetrics({ events$: NEVER, stats: it }), 'a function'),
  ],
  createRechunker: [
    given((it) => createRechunker(it)),
    given((it) => createRechunker({ seed: it }), '-1', 'a number'),
    given((it) => createRechunker({ seed: 1, max: it }), LEFT_OUT, 'a number'),
    given((it) => createRechunker('whole', it), LEFT_OUT, '-1', '1.5', 'Infinity', '2 ** 53', 'a number'),
    given((it) => createRechunker('whole').push(it), BYTES),
  ],
  createTokenTries: [given((it) => library.createTokenTries(it), 'a function')],
  createUploads: [
    given((it) => library.createUploads(it)),
    given((it) => library.createUploads({ connect: it }), 'a function'),
    given((it) => library.createUploads({ connect, parallel: it }), LEFT_OUT, 'a number'),
    given(
      (it) => library.createUploads({ connect, retries: it }),
      LEFT_OUT,
      '1.5',
      'Infinity',
      '2 ** 53',
      'a number',
    ),
    given((it) => library.createUploads({ connect, window: it }), LEFT_OUT, 'a number'),
    given((it) => library.createUploads({ connect, timeout: it }), LEFT_OUT, '1.5', 'a number'),
    given((it) => library.createUploads({ connect, backoff: { initial: it } }), LEFT_OUT, '1.5', 'a number'),
    given((it) => library.createUploads({ connect }).upload(it, bytesContent(bytes)), 'a string'),
    given((it) => library.createUploads({ connect }).upload('a', it), 'a function'),
    given((it) => library.createUploads({ connect: () => it }).upload('a', bytesContent(bytes))),
  ],
  defineCommand: [
    given((it) => library.defineCommand(it)),
    given((it) => library.defineCommand({ ...command, pattern: it } as never)),
    given((it) => library.defineCommand({ ...command, touches: it } as never), OBJECTS),
    given((it) => library.defineCommand({ ...command, start: it } as never), 'a function'),
  ],
  deframe: [
    given((it) => library.deframe(it)),
    given((it) => of<BytesLike>(it).pipe(library.deframe(framing)), BYTES),
  ],
  describeFault: [given((it) => library.describeFault(it))],
  encodeFrame: [
    given((it) => library.encodeFrame(it, bytes)),
    given((it) => library.encodeFrame(size, it), BYTES),
    given((it) => library.encodeFrame(size, bytes, it), LEFT_OUT),
  ],
  encodeJsonHeader: [
    given((it) => library.encodeJsonHeader(it), OBJECTS),
    given((it) => library.encodeJsonHeader({}, it), LEFT_OUT, 'a number'),
  ],
  encodeLength: [
    given((it) => library.encodeLength(it, 1)),
    given((it) => library.encodeLength(size, it), 'a number'),
    given((it) => library.encodeLength({ width: 'varint', maxLength: 2 ** 53 - 1 }, it), 'a number'),
    given((it) => library.encodeLength(size, 1, it), LEFT_OUT),
    given((it) => library.encodeLength({ ...size, width: it }, 1)),
    given((it) => library.encodeLength({ ...size, maxLength: it }, 1), 'a number'),
  ],
  enframe: [
    given((it) => library.enframe(it)),
    given((it) => library.enframe(size, it), LEFT_OUT, BYTES),
    given((it) => of<BytesLike>(it).pipe(library.enframe(size)), BYTES),
  ],
  serviceFault: [given((it) => library.serviceFault(it))],
  fileServer: [
    given((it) => library.fileServer(it), LEFT_OUT, OBJECTS),
    given((it) => library.fileServer({ files: it }), LEFT_OUT, 'a string'),
    given((it) => library.fileServer({ limits: it }), LEFT_OUT, OBJECTS),
  ],
  framesOf: [given((it) => library.framesOf(it))],
  service: [
    given((it) => library.service(it), 'a function'),
    given((it) => library.service(() => NEVER, it), LEFT_OUT),
  ],
  fileContent: [given((it) => library.fileContent(it), 'a DataView')],
  deframeEnd: [
    given((it) => library.deframeEnd(it, initialDeframeState())),
    given((it) => library.deframeEnd(framing, it)),
  ],
  inVirtualTime: [
    given((it) => library.inVirtualTime(it, of(1))),
    given((it) => library.inVirtualTime(scheduler, it)),
    given((it) => library.inVirtualTime(scheduler, of(1), { turns: it }), LEFT_OUT, 'a number'),
  ],
  initialDeframeState: [],
  inspect: [
    given((it) => library.inspect(it)),
    given((it) => library.inspect(capture, it), LEFT_OUT, OBJECTS),
    given((it) => library.inspect(capture, { preset: it }), LEFT_OUT),
    given((it) => library.inspect(capture, { framing: it }), LEFT_OUT),
    given(
      (it) => library.inspect(capture, { only: it }),
      ...(['undefined', 'a number', 'a string', 'a function', 'an array'] as const),
    ),
  ],
  isClientFault: [given((it) => !library.isClientFault(it) || 'true')],
  isSplit: [given((it) => library.isSplit(it))],
  isCoalesced: [given((it) => library.isCoalesced(it))],
  joinedData: [given((it) => library.joinedData(it), 'an array')],
  jsonHeader: [
    given((it) => library.jsonHeader(it)),
    given((it) => library.jsonHeader({ bodyLength: it }), 'a function'),
    given((it) => library.jsonHeader({ bodyLength: () => 0, delivery: it }), LEFT_OUT, 'a function'),
    given((it) => library.jsonHeader({ bodyLength: () => 0, maxHeader: it }), LEFT_OUT, 'a number'),
    given((it) =>
      of(head).pipe(library.deframe(library.jsonHeader({ bodyLength: () => 0, delivery: () => it }))),
    ),
  ],
  limitsWithin: [
    given((it) => library.limitsWithin(it), '1.5', 'Infinity', '2 ** 53', 'a number'),
    given((it) => library.limitsWithin(1024, it), LEFT_OUT, '1.5', 'Infinity', '2 ** 53', 'a number'),
  ],
  lengthField: [
    given((it) => lengthField(it)),
    given((it) => lengthField({ ...size, delivery: it }), LEFT_OUT, 'a function'),
    given((it) => lengthField({ ...size, offset: it }), LEFT_OUT, 'a number'),
    given((it) => lengthField({ ...size, maxWhole: it }), LEFT_OUT, 'a number'),
    given((it) => lengthField({ ...size, counts: it }), LEFT_OUT),
    given((it) =>
      of(bytes, bytes).pipe(library.deframe(lengthField({ width: 1, maxLength: 9, delivery: () => it }))),
    ),
  ],
  listenTcp: [
    given((it) => library.listenTcp(it)),
    given((it) => library.listenTcp({ port: it }), '2 ** 53', 'a number'),
    given((it) => library.listenTcp({ port: 0, host: it }), LEFT_OUT, 'a string'),
    given((it) => library.listenTcp({ port: 0, backlog: it }), LEFT_OUT, 'a number'),
  ],
  listenTls: [
    given((it) => library.listenTls(it)),
    given((it) => library.listenTls({ port: 0, credentials$: it })),
    given((it) => library.listenTls({ port: 0, credentials$: of<library.TlsCredentials>(it) })),
    given((it) => library.listenTls({ port: 0, credentials$: NEVER, handshakes: it }), LEFT_OUT, 'a number'),
  ],
  listenUdp: [
    given((it) => library.listenUdp(it)),
    given((it) => library.listenUdp({ port: it }), 'a number'),
  ],
  listenUnix: [
    given((it) => library.listenUnix(it)),
    given((it) => library.listenUnix({ path: it }), 'a string'),
    given((it) => library.listenUnix({ path: '/nowhere', mode: it }), LEFT_OUT, 'a number'),
  ],
  memoryPair: [
    given((it) => memoryPair(it), LEFT_OUT, OBJECTS),
    given((it) => memoryPair({ highWaterMark: it }), LEFT_OUT, '1.5', 'Infinity', '2 ** 53', 'a number'),
    given((it) => connection().write(it, nothing)),
    given((it) => connection().write([it], nothing)),
    given((it) => connection().write([bytes], it), 'a function'),
  ],
  memoryStore: [
    given((it) => memoryStore(it), LEFT_OUT, OBJECTS),
    given((it) => memoryStore({ maxUploads: it }), LEFT_OUT, '1.5', 'Infinity', '2 ** 53', 'a number'),
  ],
  openAccessFile: [given((it) => library.openAccessFile(it))],
  acknowledgedChanges: [
    given((it) => library.acknowledgedChanges(it, 'sink')),
    given(
      (it) => library.acknowledgedChanges({ read() {}, cursor() {}, advance() {} } as never, it),
      'a string',
    ),
  ],
  openChangeLog: [
    given((it) => library.openChangeLog(it), 'a string'),
    given((it) => library.openChangeLog('/nowhere', { whenFull: it }), LEFT_OUT),
    given((it) => library.openChangeLog('/nowhere', { maxBytes: it }), LEFT_OUT, '2 ** 53', 'Infinity'),
  ],
  openDiskStore: [
    given((it) => library.openDiskStore(it), 'a string'),
    given((it) => library.openDiskStore('/nowhere', { durability: it }), LEFT_OUT),
  ],
  presetNamed: [
    given((it) => library.presetNamed(it), 'a string'),
    given((it) => library.presetNamed('dns')!.framing(it), LEFT_OUT, OBJECTS),
    given((it) => library.presetNamed('dns')!.framing({ delivery: it }), LEFT_OUT),
    given((it) => library.presetNamed('dns')!.framing({ maxLength: it }), LEFT_OUT, 'a number'),
    given((it) => library.sluicePreset.framing({ delivery: it }), LEFT_OUT),
    given((it) => library.presetNamed('postgresql')!.framing({ side: it }), LEFT_OUT),
    given((it) => library.presetNamed('postgresql')!.framing({ asked: it }), LEFT_OUT, 'a function'),
  ],
  presetReplies: [given((it) => library.presetReplies(it))],
  headFault: [
    given((it) => library.headFault(it, 'text'), 'a string'),
    given((it) => library.headFault('truncated', it), 'a string'),
  ],
  readStreams: [
    given((it) => library.readStreams(it)),
    given((it) => library.readStreams(capture, it), LEFT_OUT, OBJECTS),
  ],
  rechunk: [
    given((it) => [...library.rechunk(it, 'whole')]),
    given((it) => [...library.rechunk([it], 'whole')], BYTES),
    given((it) => [...library.rechunk([bytes], it)]),
  ],
  record: [
    given((it) => library.record(it), 'a string'),
    given((it) => library.record('/nowhere/a', { at: it }), LEFT_OUT),
    given((it) => library.record('/nowhere/a', { redact: it }), LEFT_OUT, 'null', 'a function'),
    given(
      (it) => library.record('/nowhere/a', { maxBytes: it }),
      LEFT_OUT,
      '1.5',
      'Infinity',
      '2 ** 53',
      'a number',
    ),
    given((it) => library.record('/nowhere/a').wrap(it)),
  ],
  recordInto: [
    given((it) => library.recordInto(it), 'a string'),
    given(
      (it) => library.recordInto('/nowhere/a', { maxFiles: it }),
      LEFT_OUT,
      '1.5',
      'Infinity',
      '2 ** 53',
      'a number',
    ),
  ],
  refuse: [given((it) => library.refuse(null, it))],
  replay: [
    given((it) => library.replay(it)),
    given((it) => library.replay(capture, it), LEFT_OUT, OBJECTS),
    given((it) => library.replay(capture, { speed: it }), LEFT_OUT, '1.5', '2 ** 53', 'a number'),
    given((it) => library.replay(capture, { chunking: it }), LEFT_OUT),
    given(
      (it) => library.replay(capture, { maxWaiting: it }),
      LEFT_OUT,
      '1.5',
      'Infinity',
      '2 ** 53',
      'a number',
    ),
    given((it) => library.replay(capture, { side: it }), LEFT_OUT),
  ],
  replayStreams: [given((it) => library.replayStreams(it), 'a function')],
  replayStreamsTo: [
    given((it) => library.replayStreamsTo(it, connect), 'a function'),
    given((it) => library.replayStreamsTo(conversations, it), 'a function'),
  ],
  replayTo: [
    given((it) => library.replayTo(it, connect)),
    given((it) => library.replayTo(capture, it), 'a function'),
    given((it) => library.replayTo(capture, connect, { stall: it }), LEFT_OUT, '1.5', 'a number'),
    given((it) => library.replayTo(capture, connect, { replies: it }), LEFT_OUT),
    given((it) => library.replayTo(capture, connect, { maxOpen: it }), LEFT_OUT, 'a number'),
  ],
  replyFraming: [
    given((it) => library.replyFraming(it), LEFT_OUT, OBJECTS),
    given((it) => library.replyFraming({ maxHeader: it }), LEFT_OUT, 'a number'),
  ],
  requestFraming: [
    given((it) => library.requestFraming(it), LEFT_OUT),
    given((it) => library.requestFraming([], it), LEFT_OUT, OBJECTS),
  ],
  startServer: [
    given((it) => library.startServer(it)),
    given((it) => library.startServer({ store, connections$, port: it } as never), LEFT_OUT, 'a number'),
    given((it) => library.startServer({ store, connections$, host: it } as never), LEFT_OUT, 'a string'),
  ],
  serve: [
    given((it) => library.serve(it)),
    given((it) => library.serve({ connections$: it, store })),
    given((it) => library.serve({ connections$, store: it })),
    given((it) => library.serve({ connections$, store, commands: it }), LEFT_OUT),
    given((it) => library.serve({ connections$, store, limits: it }), LEFT_OUT, OBJECTS),
    given(
      (it) => library.serve({ connections$, store, limits: { connections: it } }),
      ...(['1.5', 'Infinity', '2 ** 53', 'a number'] as const),
    ),
    given((it) => library.serve({ connections$, store, limits: { timeouts: it } })),
    given((it) => library.serve({ connections$, store, limits: { linger: it } }), '1.5', 'a number'),
    given((it) => library.serve({ connections$, store, access: it }), LEFT_OUT),
    given((it) => library.serve({ connections$, store, shutdown$: it }), LEFT_OUT),
  ],
  sluiceReplies: [given((it) => library.sluiceReplies(it), LEFT_OUT)],
  fromSocket: [given((it) => library.fromSocket(it))],
  fromWebSocket: [
    given((it) => library.fromWebSocket(it)),
    given((it) => library.fromWebSocket(webSocket, it), LEFT_OUT, OBJECTS),
    given((it) => library.fromWebSocket(webSocket, { id: it }), LEFT_OUT, 'a string'),
    given((it) => library.fromWebSocket(webSocket, { receiveBytesMax: it }), LEFT_OUT, 'a number'),
  ],
  fromWebStreams: [
    given((it) => library.fromWebStreams(it)),
    given((it) => library.fromWebStreams({ readable: it, writable: new WritableStream() })),
    given((it) => library.fromWebStreams({ readable: new ReadableStream(), writable: it })),
    given((it) => library.fromWebStreams(new TransformStream(), it), LEFT_OUT, OBJECTS),
    given((it) => library.fromWebStreams(new TransformStream(), { faultOf: it }), LEFT_OUT, 'a function'),
  ],
  deframeStep: [
    given((it) => library.deframeStep(it, initialDeframeState(), bytes)),
    given((it) => library.deframeStep(framing, it, bytes)),
    given((it) => library.deframeStep(framing, initialDeframeState(), it), BYTES),
  ],
  deframeStepUpTo: [
    given((it) => library.deframeStepUpTo(framing, initialDeframeState(), it, 0, 1), BYTES),
    given((it) => library.deframeStepUpTo(framing, initialDeframeState(), bytes, it, 1), 'a number'),
    given(
      (it) => library.deframeStepUpTo(framing, initialDeframeState(), bytes, 0, it),
      '1.5',
      'Infinity',
      '2 ** 53',
      'a number',
    ),
  ],
  connectionContract: [
    given((it) => library.connectionContract(it, nothing as never, runner), 'a string'),
    given((it) => library.connectionContract('a', it, runner), 'a function'),
    given((it) => library.connectionContract('a', nothing as never, it)),
    given(
      (it) => library.connectionContract('a', nothing as never, { ...runner, halfClose: it }),
      LEFT_OUT,
      'true',
    ),
  ],
  storeContract: [
    given(
      (it) => library.storeContract(it, nothing as never, { describe: nothing, it: nothing }),
      'a string',
    ),
    given((it) => library.storeContract('a', it, { describe: nothing, it: nothing }), 'a function'),
    given((it) => library.storeContract('a', nothing as never, it)),
  ],
  verifyReplay: [
    given((it) => library.verifyReplay(it)),
    given((it) => library.verifyReplay(capture, it), LEFT_OUT, OBJECTS),
    given((it) => library.verifyReplay(capture, { store: it }), LEFT_OUT),
  ],
  verifyStreams: [given((it) => library.verifyStreams(it), 'a function')],
  explainBadFilename: [given((it) => library.explainBadFilename(it), 'a string')],
  withAccept: [
    given((it) => library.withAccept(it, () => null)),
    given((it) => library.withAccept(store, it), 'a function'),
    given((it) => library.withAccept(store, () => null, it), LEFT_OUT, OBJECTS),
    given((it) => library.withAccept(store, () => null, { timeout: it }), LEFT_OUT, 'a number'),
    given((it) => library.withAccept(store, () => null, { atOnce: it }), LEFT_OUT, 'a number'),
    given((it) => library.withAccept(store, () => null, { unanswered: it }), LEFT_OUT),
    given((it) => library.withAccept(store, () => null, { onUnanswered: it }), LEFT_OUT, 'a function'),
  ],
  withQuotas: [
    given((it) => library.withQuotas(it, () => [])),
    given((it) => library.withQuotas(store, it), 'a function'),
  ],
};

const encoded = library.encodeJsonHeader({ cmd: 'x' });
const head = encoded.ok ? encoded.bytes : new Uint8Array(0);

/** What V8 says where nobody has looked. */
const unexplained =
  /Cannot (?:read|destructure|convert|mix|use 'in')|is not (?:a function|iterable|a constructor)|undefined \(reading/;

/** The sentence of a refusal, in whichever way it came; null when there was none. */
async function refusalOf(call: () => unknown): Promise<string | null> {
  try {
    let value = call();
    if (isObservable(value)) value = await lastValueFrom(value, { defaultValue: undefined });
    else if (typeof (value as AsyncGenerator | null)?.next === 'function') {
      value = await (value as AsyncGenerator).next();
    }
    value = await value;
    // Where a refusal is a value: a sentence, an outcome, a fault.
    if (typeof value === 'string') return value;
    if (value === true) return 'no, it is not what was asked about';
    const outcome = value as { ok?: boolean; fault?: unknown; error?: unknown; problems?: unknown } | null;
    if (outcome?.ok === false) {
      const why = outcome.fault ?? outcome.error ?? { message: String(outcome.problems) };
      return (why as { message: string }).message;
    }
    if (typeof (value as { code?: unknown } | null)?.code === 'string') {
      return (value as { message: string }).message;
    }
    return null;
  } catch (thrown) {
    const isFault =
      library.isClientFault(thrown) || (thrown as { code?: unknown } | null)?.code !== undefined;
    const isRight = thrown instanceof TypeError || thrown instanceof RangeError || isFault;
    return isRight ? (thrown as Error).message : `not a TypeError or a RangeError: ${thrown}`;
  }
}

describe('what the library is given by mistake', () => {
  test('is looked for in every function that there is', () => {
    // What is thrown is made by the library, and seldom by its users.
    const isError = (value: object) => (value as { prototype?: unknown }).prototype instanceof Error;
    const exported = Object.entries(library).filter(
      ([, value]) => typeof value === 'function' && !isError(value),
    );
    expect(Object.keys(functions).sort()).toEqual(exported.map(([name]) => name).sort());
  });

  const rows = Object.entries(functions).flatMap(([name, list]) =>
    list.map(({ call, right = [] }, at) => ({ name, argument: at + 1, call, right })),
  );
  test.each(rows)(
    '$name, argument or option $argument, refuses it with a sentence that says what came',
    async ({ call, right }) => {
      for (const kind of Object.keys(wrong) as Kind[]) {
        if (right.includes(kind)) continue;
        const sentence = await refusalOf(() => call(wrong[kind] as never));
        expect(sentence, `${kind} was taken`).not.toBeNull();
        expect(sentence, kind).not.toMatch(unexplained);
        expect(sentence, kind).not.toMatch(/^not a TypeError/);
        expect(sentence!.length, `${kind}: ${sentence}`).toBeGreaterThan(10);
      }
    },
  );
});

describe('bytes', () => {
  const there = Uint8Array.of(9, 0, 3, 97, 98, 99, 9, 9, 9, 9);
  const buffer = there.slice(1, 6).buffer;
  const shared = new SharedArrayBuffer(5);
  new Uint8Array(shared).set(there.subarray(1, 6));
  const forms: readonly (readonly [string, BytesLike])[] = [
    ['a Uint8Array', there.slice(1, 6)],
    ['a view in the middle of a Uint8Array', there.subarray(1, 6)],
    ['a Buffer', Buffer.from(there.subarray(1, 6))],
    ['an ArrayBuffer', buffer],
    ['a SharedArrayBuffer', shared],
    ['a DataView', new DataView(there.buffer, 1, 5)],
    ['a Uint8ClampedArray', new Uint8ClampedArray(buffer)],
    ['an Int8Array', new Int8Array(buffer)],
  ];

  test.each(forms)(
    'given as %s are taken for chunks, bodies and contents as what they are',
    async (_, form) => {
      const events = await lastValueFrom(of(form).pipe(library.deframe(framing)));
      expect(events).toMatchObject({ type: 'frame', body: Uint8Array.of(97, 98, 99) });
      const frame = Uint8Array.of(5, 0, 3, 97, 98, 99);
      expect(await lastValueFrom(of(form).pipe(library.enframe({ width: 1, maxLength: 9 })))).toEqual(frame);
      expect(library.encodeFrame({ width: 1, maxLength: 9 }, form)).toEqual({ ok: true, bytes: frame });
      expect(library.deframeStep(framing, initialDeframeState(), form).events).toHaveLength(1);
      expect(bytesContent(form).size).toBe(5);
      expect(crc32(form)).toBe(crc32(there.subarray(1, 6)));
    },
  );

  test('of elements with several bytes each are the bytes, not the elements', () => {
    const wide = new Uint16Array([0x0300, 0x6261]);
    expect(bytesOf(wide, 'a chunk')).toEqual(new Uint8Array(wide.buffer));
  });

  test('are handed on without a copy', () => {
    expect(bytesOf(there, 'a chunk')).toBe(there);
    expect(bytesOf(buffer, 'a chunk').buffer).toBe(buffer);
  });
});

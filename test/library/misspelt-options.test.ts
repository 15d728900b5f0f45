/** A misspelt option is refused by its name, wherever options are taken: without a compiler it would be ignored. */

import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { lastValueFrom, NEVER, of, VirtualTimeScheduler } from 'rxjs';
import { API, type Checker, SymbolFlags, type Type } from 'typescript/unstable/sync';
import { describe, expect, test } from 'vitest';
import * as library from '../support/library.ts';

/** The options of a call, with one that there is not. */
type Wrong = (options: object) => never;
const wrong = ((options) => ({ ...options, colour: 'red' })) as Wrong;

const bytes = Uint8Array.of(1);
const connection = () => library.memoryPair()[0];
const client = () => library.createClient(connection());
const connect = () => of(connection());
const store = library.memoryStore();
const capture = library.captureOf(new Uint8Array(0));
const codec = library.lines({ maxLength: 9 });
const actor = library.defineActor()({ codec, reduce: (state) => ({ state }) });
const nothing = () => {};
const streams = async function* () {};
const width = { width: 2, maxLength: 9 } as const;
const webSocket = { readyState: 1, addEventListener: nothing, send: nothing, close: nothing } as never;
const noStats = () => ({ connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 });

const calls: Readonly<Record<string, readonly (() => unknown)[]>> = {
  assertReplaysTheSame: [() => library.assertReplaysTheSame(capture, library.fileServer(), wrong({}))],
  assertSameInAnyChunking: [() => library.assertSameInAnyChunking(capture, () => NEVER, wrong({}))],
  captureFile: [() => library.captureFile('a', wrong({}))],
  closeGracefully: [() => library.closeGracefully(connection(), wrong({}))],
  connectClient: [() => library.connectClient(wrong({ host: 'localhost', port: 1 }))],
  connectTcp: [() => library.connectTcp(wrong({ host: 'localhost', port: 1 }))],
  connectTls: [() => library.connectTls(wrong({ host: 'localhost', port: 1 }))],
  connectUnix: [() => library.connectUnix(wrong({ path: '/nowhere' }))],
  connectionContract: [
    () => library.connectionContract('a', nothing as never, wrong({ describe: nothing, it: nothing })),
  ],
  createClient: [
    () => library.createClient(connection(), wrong({})),
    () => client().request({ cmd: 'x' }, wrong({})),
    () => client().put('a', library.bytesContent(bytes), wrong({})),
    () => client().get('a', wrong({})),
    () => client().list(wrong({})),
    () => client().page(wrong({})),
    () => client().rename('a', 'b', wrong({})),
  ],
  createDownloads: [
    () => library.createDownloads(wrong({ connect })),
    () => library.createDownloads({ connect, backoff: wrong({}) }),
    () => library.createDownloads({ connect }).page(wrong({})),
  ],
  createMetrics: [() => library.createMetrics(wrong({ events$: NEVER, stats: noStats }))],
  createUploads: [
    () => library.createUploads(wrong({ connect })),
    () => library.createUploads({ connect, backoff: wrong({}) }),
    () => library.createUploads({ connect }).upload('a', library.bytesContent(bytes), wrong({})),
  ],
  defineActor: [() => library.defineActor()(wrong({ codec, reduce: nothing }))],
  defineCommand: [
    () => library.defineCommand(wrong({ pattern: { cmd: 'x' }, touches: {}, start: nothing, on: nothing })),
  ],
  delimited: [() => library.delimited(bytes, wrong({ maxLength: 1 }))],
  encodeFrame: [() => library.encodeFrame(wrong(width), bytes)],
  encodeLength: [() => library.encodeLength(wrong(width), 1)],
  enframe: [() => library.enframe(wrong(width))],
  fileServer: [() => library.fileServer(wrong({}))],
  framed: [
    () => library.framed(connection(), codec, wrong({})),
    () => library.framed(connection(), codec).request('a', wrong({})),
  ],
  fromSocket: [() => library.fromSocket(new Socket(), wrong({}))],
  fromWebSocket: [() => library.fromWebSocket(webSocket, wrong({}))],
  fromWebStreams: [() => library.fromWebStreams(new TransformStream(), wrong({}))],
  inVirtualTime: [() => library.inVirtualTime(new VirtualTimeScheduler(), of(1), wrong({}))],
  inspect: [() => library.inspect(capture, wrong({})).next()],
  jsonHeader: [() => library.jsonHeader(wrong({ bodyLength: () => 0 }))],
  lengthField: [() => library.lengthField(wrong(width))],
  lines: [() => library.lines(wrong({ maxLength: 1 }))],
  listenTcp: [() => library.listenTcp(wrong({ port: 0 }))],
  listenTls: [() => library.listenTls(wrong({ port: 0, credentials$: NEVER }))],
  listenUdp: [() => library.listenUdp(wrong({ port: 0 }))],
  listenUnix: [() => library.listenUnix(wrong({ path: '/nowhere' }))],
  mapPausing: [() => library.mapPausing(connection(), () => NEVER, wrong({}))],
  memoryPair: [() => library.memoryPair(wrong({}))],
  memoryStore: [() => library.memoryStore(wrong({}))],
  openChangeLog: [() => library.openChangeLog('/nowhere', wrong({}))],
  openDiskStore: [
    () => library.openDiskStore('/nowhere', wrong({})),
    () => library.openDiskStore('/nowhere', { listing: wrong({}) }),
  ],
  readStreams: [() => library.readStreams(capture, wrong({})).next()],
  record: [() => library.record('/nowhere/a', wrong({}))],
  recordInto: [() => library.recordInto('/nowhere/a', wrong({}))],
  replay: [() => library.replay(capture, wrong({}))],
  replayStreams: [() => library.replayStreams(streams, wrong({}))],
  replayStreamsTo: [() => library.replayStreamsTo(streams, connect, wrong({}))],
  replayTo: [() => library.replayTo(capture, connect, wrong({}))],
  replyFraming: [() => library.replyFraming(wrong({}))],
  requestFraming: [() => library.requestFraming(undefined, wrong({}))],
  serve: [
    () => library.serve(wrong({ connections$: NEVER, store })),
    () => library.serve({ connections$: NEVER, store, limits: wrong({}) }),
    () =>
      library.serve({
        connections$: NEVER,
        store,
        limits: { timeouts: wrong(library.defaultLimits.timeouts) },
      }),
  ],
  serveActors: [
    () => library.serveActors(wrong({ connections$: NEVER, actor })),
    () => library.serveActors({ connections$: NEVER, actor, limits: wrong({}) }),
    () =>
      library.serveActors({
        connections$: NEVER,
        actor,
        limits: { timeouts: wrong(library.defaultActorLimits.timeouts) },
      }),
    () =>
      library.serveActors({
        connections$: NEVER,
        actor,
        limits: { mailbox: wrong(library.defaultActorLimits.mailbox) },
      }),
  ],
  startServer: [
    () => library.startServer(wrong({ store })),
    () => library.startServer({ store, limits: wrong({}) }),
  ],
  streamContent: [() => library.streamContent(new ReadableStream(), wrong({ size: 1 }))],
  verifyReplay: [() => library.verifyReplay(capture, wrong({}))],
  verifyStreams: [() => library.verifyStreams(streams, wrong({}))],
  withAccept: [() => library.withAccept(store, () => null, wrong({}))],
};

/** Functions whose last argument has methods or data that its user may have more of, and no options. */
const WITHOUT_OPTIONS: readonly string[] = [
  'acknowledge', // the fields of a reply
  'presetReplies', // a preset
  'storeContract', // a test runner
  'service',
  'framesOf',
  'messages', // a format
  'encodeJsonHeader',
];

async function refusal(call: () => unknown): Promise<unknown> {
  try {
    const value = await call();
    return value;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('an option that there is not', () => {
  const all = Object.entries(calls).flatMap(([name, each]) =>
    each.map((call, at) => [name, at, call] as const),
  );
  test.each(all)('%s refuses it by its name (%i)', async (_, _at, call) => {
    expect(await refusal(call)).toMatch(/^[\w:. ]+: there is no option "colour"; there are \w+/);
  });

  test('that is nearly one that there is leads to that one', async () => {
    expect(await refusal(() => library.listenTcp({ port: 0, Backlog: 1 } as never))).toBe(
      'listenTcp: there is no option "Backlog"; did you mean backlog?',
    );
    expect(await refusal(() => library.createUploads({ connect, paralell: 2 } as never))).toMatch(
      /did you mean parallel\?$/,
    );
  });

  test('leads to the nearest one, and to none that has little in common with it', async () => {
    const refused = (options: object) =>
      refusal(() => library.connectTls({ host: 'a', port: 1, ...options } as never));
    expect(await refused({ ky: 'x' })).toMatch(/did you mean key\?$/);
    expect(await refused({ x: 'x' })).toMatch(/; there are host, port, /);
    expect(await refused({ '': 'x' })).toMatch(/; there are host, port, /);
  });

  test('that is undefined counts as left out', async () => {
    const taken = library.lines({ maxLength: 1, colour: undefined } as never);
    expect(await lastValueFrom(of(Uint8Array.of(97, 10)).pipe(library.frames(taken)))).toBe('a');
  });

  test('is looked for in every function that takes options', () => {
    const api = new API({ cwd: fileURLToPath(new URL('../..', import.meta.url)) });
    try {
      const [project] = api.updateSnapshot({ openProject: 'tsconfig.json' }).getProjects();
      const { program, checker } = project!;
      const file = program.getSourceFile(fileURLToPath(new URL('../support/library.ts', import.meta.url)))!;
      const taking = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!).filter((exported) => {
        const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
        const type = symbol.flags & SymbolFlags.Value ? checker.getTypeOfSymbol(symbol) : undefined;
        const signatures = type === undefined ? [] : checker.getSignaturesOfType(type, 0);
        const parameters = signatures.flatMap((signature) => signature.getParameters());
        return parameters.some((parameter) => isOptions(checker, checker.getTypeOfSymbol(parameter)));
      });
      const names = taking.map(({ name }) => name).filter((name) => !WITHOUT_OPTIONS.includes(name));
      expect(names.filter((name) => !(name in calls))).toEqual([]);
      expect(names.length).toBeGreaterThan(30);
    } finally {
      api.close();
    }
  });
});

/** Whether it is a type of options, by its name. */
const isOptions = (checker: Checker, type: Type | undefined): boolean =>
  type !== undefined && /(Options|Settings)\b/.test(checker.typeToString(type));

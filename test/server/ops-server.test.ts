/** What a running server says of itself over HTTP: metrics that add up, and health through a drain. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filter, firstValueFrom, ReplaySubject, Subject, type Subscription } from 'rxjs';
import { afterEach, describe, expect, test } from 'vitest';
import { serviceFault } from '../../src/files/protocol/errors.ts';
import type { ServerEvent } from '../../src/server/event.ts';
import { diskWritable } from '../../src/server/health.ts';
import { type OpsServerOptions, startOpsServer } from '../../src/server/ops-server.ts';
import { serve } from '../../src/server/serve.ts';
import type { ServerStats } from '../../src/server/status.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import { connectTcp, listenTcp } from '../../src/transport/socket/tcp.ts';
import { frame, peer, putFrame } from '../support/network/peer.ts';
import { type Scraped, scraped } from '../support/processes/scraped.ts';
import { tempFolder } from '../support/stores/temp-folder.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const nothing: ServerStats = { connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 };

/** Only the HTTP side, with events made by hand. */
async function operating(options: Partial<OpsServerOptions> = {}) {
  const events$ = new Subject<ServerEvent>();
  const shutdown$ = new Subject<void>();
  const started = await startOpsServer({ port: 0, events$, shutdown$, stats: () => nothing, ...options });
  if (!started.ok) throw new Error(started.error.message);
  const { port, address, close } = started.value;
  cleanUps.push(close);
  const url = `http://127.0.0.1:${port}`;
  const health = async () => {
    const response = await fetch(`${url}/healthz`);
    return [response.status, await response.json()] as const;
  };
  const metrics = async (): Promise<Scraped> => scraped(await (await fetch(`${url}/metrics`)).text());
  const listening = () => events$.next({ type: 'listening', address: '127.0.0.1:1', port: 1 });
  return { events$, shutdown$: shutdown$, port, address, close, url, health, metrics, listening };
}

/** A whole server with it. */
async function serving(options: Partial<OpsServerOptions> = {}) {
  let stats = () => nothing;
  const operations = await operating({ stats: () => stats(), ...options });
  const { events$, shutdown$ } = operations;
  const seen$ = new ReplaySubject<ServerEvent>();
  events$.subscribe(seen$);
  const store = memoryStore();
  const subscription: Subscription = serve({
    connections$: listenTcp({ port: 0 }),
    store,
    shutdown$,
    stats: (read) => {
      stats = read;
    },
  }).subscribe(events$);
  cleanUps.push(() => subscription.unsubscribe());
  const seen = (type: ServerEvent['type']) =>
    firstValueFrom(seen$.pipe(filter((event) => event.type === type)));
  const listening = await seen('listening');
  if (listening.type !== 'listening') throw new Error('no port');
  const client = async () =>
    peer(await firstValueFrom(connectTcp({ host: '127.0.0.1', port: listening.port })));
  return { ...operations, serverPort: listening.port, store, seen, client };
}

describe('GET /metrics', () => {
  test('the metrics add up to what the clients did', async () => {
    const server = await serving();
    const socket = connect({ port: server.serverPort, host: '127.0.0.1' });
    const over = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    const pieces = [
      putFrame('a', 'hello'),
      putFrame('b', Buffer.alloc(100_000, 1)),
      putFrame('../c', 'x'),
      frame({ cmd: 'get', filename: 'a' }),
      frame({ cmd: 'get', filename: 'missing' }),
      frame({ cmd: 'ping', id: 1 }),
      frame({ cmd: 'sing' }),
      frame({ cmd: '__proto__' }),
    ];
    for (const piece of pieces) socket.write(piece);
    socket.end();
    await over;
    // One that breaks the framing, and one that stays.
    const [broken, idle] = [await server.client(), await server.client()];
    await broken.send(new Uint8Array(4));
    await broken.over;
    broken.connection.end();
    await idle.send(frame({ cmd: 'ping', id: 1 }));
    await idle.replies(1);
    await expect.poll(async () => (await server.metrics()).value('sluice_connections_open')).toBe(1);

    const metrics = await server.metrics();
    expect(metrics.all('sluice_requests_total')).toEqual({
      'cmd="put",outcome="served"': 2,
      'cmd="put",outcome="bad-filename"': 1,
      'cmd="get",outcome="served"': 1,
      'cmd="get",outcome="not-found"': 1,
      'cmd="ping",outcome="served"': 2,
      'cmd="other",outcome="unknown-command"': 2,
      'cmd="other",outcome="bad-header-length"': 1,
    });
    expect(metrics.value('sluice_stored_files_total')).toBe(2);
    expect(metrics.value('sluice_stored_bytes_total')).toBe(100_005);
    expect(metrics.value('sluice_connections_opened_total')).toBe(3);
    const closed = metrics.all('sluice_connections_closed_total');
    expect(Object.values(closed).reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(closed['fault="none"']).toBeGreaterThanOrEqual(1);
    expect(metrics.value('sluice_unsettled_bytes')).toBe(0);
    const counts = metrics.all('sluice_request_duration_seconds_count');
    expect(counts).toMatchObject({ 'cmd="put"': 3, 'cmd="get"': 2, 'cmd="ping"': 2, 'cmd="other"': 3 });
    expect(metrics.all('sluice_request_duration_seconds_bucket')['le="+Inf",cmd="put"']).toBe(3);
    expect(metrics.all('sluice_request_duration_seconds_sum')['cmd="put"']).toBeGreaterThanOrEqual(0);
    // What the peers counted is what the server did.
    const ping = frame({ cmd: 'ping', id: 1 }).length;
    expect(metrics.value('sluice_received_bytes_total')).toBe(socket.bytesWritten + 4 + ping);
    expect(metrics.value('sluice_sent_bytes_total')).toBeGreaterThan(socket.bytesRead);
  });

  test('the metrics are text that Prometheus reads: each with help and type, counters named as such', async () => {
    const server = await operating({ unfinished: () => ({ count: 2, bytes: 30 }) });
    const response = await fetch(`${server.url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const metrics = scraped(await response.text());
    expect(metrics.value('sluice_unfinished_uploads')).toBe(2);
    expect(metrics.value('sluice_unfinished_upload_bytes')).toBe(30);
    expect(metrics.value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    for (const [name, { type, help }] of metrics.families) {
      expect(help, name).toMatch(/\.$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
    }
  });

  test('the metrics have no more series for a thousand unknown commands or codes', async () => {
    const server = await operating();
    const where = { connection: '1', remote: '127.0.0.1:1', request: 1, ms: 1 };
    for (let i = 0; i < 1000; i++) {
      const error = { code: `code-${i}`, message: '' } as never;
      server.events$.next({ type: 'refused', cmd: `cmd-${i}`, error, ...where });
      server.events$.next({ type: 'served', cmd: `cmd-${i}`, ...where });
    }
    expect((await server.metrics()).all('sluice_requests_total')).toEqual({
      'cmd="other",outcome="other"': 1000,
      'cmd="other",outcome="served"': 1000,
    });
  });

  test('the metrics have labels for custom commands that are named', async () => {
    const server = await operating({ commands: [{ cmd: 'mine' }] });
    const where = { connection: '1', remote: '127.0.0.1:1', request: 1, ms: 20 };
    server.events$.next({ type: 'served', cmd: 'mine', ...where });
    const metrics = await server.metrics();
    expect(metrics.all('sluice_requests_total')).toEqual({ 'cmd="mine",outcome="served"': 1 });
    const buckets = metrics.all('sluice_request_duration_seconds_bucket');
    expect(buckets).toMatchObject({ 'le="0.01",cmd="mine"': 0, 'le="0.025",cmd="mine"': 1 });
  });

  test('the metrics show the delay of the event loop since the last scrape only', async () => {
    const server = await operating();
    const longest = async () => (await server.metrics()).value('sluice_event_loop_delay_max_seconds');
    await longest();
    // The first tick after a reset only starts the clock.
    await new Promise((resolve) => setTimeout(resolve, 30));
    const until = performance.now() + 200;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await longest()).toBeGreaterThan(0.15);
    // A busy machine may hold it up as well, but not each time.
    await expect.poll(longest).toBeLessThan(0.15);
  });

  test('concurrent requests for metrics share one answer', async () => {
    let asked = 0;
    const unfinished = async () => {
      asked++;
      // So many turns that all have asked before the first is answered.
      for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
      return { count: 0, bytes: 0 };
    };
    const server = await operating({ unfinished });
    await Promise.all(Array.from({ length: 10 }, () => server.metrics()));
    expect(asked).toBeLessThan(10);
  });

  test('a request for metrics is 500 when the store throws, and the exception is reported', async () => {
    const bugs: unknown[] = [];
    const thrown = new Error('no');
    const server = await operating({
      onInternalError: (bug) => bugs.push(bug),
      unfinished: () => Promise.reject(thrown),
    });
    expect((await fetch(`${server.url}/metrics`)).status).toBe(500);
    expect(bugs).toEqual([thrown]);
  });
});

test('the metrics count refused connections and those that were cut off', async () => {
  const server = await operating();
  const where = { connection: '1', remote: '127.0.0.1:1' };
  server.events$.next({ type: 'turned-away', code: 'too-many-connections', ...where });
  server.events$.next({ type: 'cut', open: 2, ...where });
  const metrics = await server.metrics();
  expect(metrics.all('sluice_connections_turned_away_total')).toEqual({ 'code="too-many-connections"': 1 });
  expect(metrics.value('sluice_connections_cut_total')).toBe(1);
});

test('the metrics count wrong tokens and delayed ones', async () => {
  const server = await operating();
  const where = { connection: '1', remote: '127.0.0.1:1' };
  const refused = { type: 'refused', cmd: 'hello', request: 1, ms: 1, ...where } as const;
  server.events$.next({ ...refused, error: serviceFault('bad-token') });
  server.events$.next({ ...refused, error: serviceFault('shutting-down') });
  for (let i = 0; i < 2; i++) server.events$.next({ type: 'slowed', ms: 250, ...where });
  const metrics = await server.metrics();
  expect(metrics.value('sluice_wrong_tokens_total')).toBe(1);
  expect(metrics.value('sluice_slowed_tokens_total')).toBe(2);
});

describe('GET /healthz', () => {
  test('the health check is 503 before the server listens, 200 while it serves, and 503 from the shutdown on', async () => {
    const early = await operating();
    expect(await early.health()).toEqual([503, { status: 'starting' }]);

    const server = await serving();
    expect(await server.health()).toEqual([200, { status: 'ok' }]);
    const client = await server.client();
    const whole = putFrame('a', 'hello');
    await client.send(whole.subarray(0, -1));
    await expect.poll(() => server.store.sinks).toBe(1);
    server.shutdown$.next();
    expect(await server.health()).toEqual([503, { status: 'draining' }]);
    // The put goes on all the while.
    await client.send(whole.subarray(-1));
    expect(await client.all()).toMatchObject([{ ack: 'put' }]);
    client.connection.end();
    await server.seen('closed');
    expect(await server.health()).toEqual([503, { status: 'draining' }]);
  });

  test('the health check is 503 when the store cannot be written to, and 200 when it can again', async () => {
    const root = join(tempFolder(), 'root');
    const server = await operating({ writable: diskWritable(root) });
    server.listening();
    expect(await server.health()).toMatchObject([
      503,
      { status: 'unwritable', error: { code: 'io-error', cause: 'ENOENT' } },
    ]);
    mkdirSync(root);
    expect(await server.health()).toEqual([200, { status: 'ok' }]);
  });

  test('the health check is 503 while something else is in the place of the reserved folder', async () => {
    const root = tempFolder();
    const place = join(root, '.sluice');
    const server = await operating({ writable: diskWritable(root) });
    server.listening();
    for (const replace of [() => writeFileSync(place, 'x'), () => symlinkSync('/tmp', place)]) {
      // Where there is none, the store makes it.
      expect(await server.health()).toEqual([200, { status: 'ok' }]);
      replace();
      expect(await server.health()).toMatchObject([
        503,
        {
          status: 'unwritable',
          error: { code: 'io-error', message: expect.stringContaining("'.sluice' in the root") },
        },
      ]);
      unlinkSync(place);
    }
    mkdirSync(place);
    expect(await server.health()).toEqual([200, { status: 'ok' }]);
  });

  test('the health check is 503 when there is less free space than required', async () => {
    const server = await operating({ writable: diskWritable(tempFolder(), Number.MAX_SAFE_INTEGER) });
    server.listening();
    expect(await server.health()).toMatchObject([503, { error: { code: 'disk-full' } }]);
  });

  test('the health check is 503 after a disk failed a put, until a put succeeds', async () => {
    const server = await operating();
    server.listening();
    const where = { connection: '1', remote: '127.0.0.1:1', request: 1, ms: 1 };
    const error = serviceFault('io-error', undefined, { cause: 'EIO' });
    server.events$.next({ type: 'refused', cmd: 'put', error, ...where });
    expect(await server.health()).toMatchObject([503, { status: 'unwritable', error: { cause: 'EIO' } }]);
    const file = { filename: 'a', size: 0, crc32: 0, durable: true };
    server.events$.next({ type: 'stored', ...file, ...where });
    expect(await server.health()).toEqual([200, { status: 'ok' }]);
  });

  test('the health check is 200 whatever a peer is refused for', async () => {
    const server = await operating();
    server.listening();
    const where = { connection: '1', remote: '127.0.0.1:1', request: 1, ms: 1 };
    const errors = [
      serviceFault('disk-full', undefined, { cause: 'ENOSPC' }),
      serviceFault('io-error', undefined, { cause: 'EINVAL' }),
      serviceFault('permission-denied', undefined, { cause: 'EACCES' }),
      serviceFault('bad-filename'),
    ];
    for (const error of errors) server.events$.next({ type: 'refused', cmd: 'put', error, ...where });
    expect(await server.health()).toEqual([200, { status: 'ok' }]);
  });
});

describe('the HTTP server', () => {
  test('the ops server answers HEAD as GET without the text, and no other method', async () => {
    const { url, listening } = await operating();
    listening();
    for (const page of ['/metrics', '/healthz', '/healthz?probe=1']) {
      const head = await fetch(`${url}${page}`, { method: 'HEAD' });
      expect(head.status).toBe(200);
      expect(Number(head.headers.get('content-length'))).toBeGreaterThan(10);
      expect(await head.text()).toBe('');
    }
    expect((await fetch(url)).status).toBe(404);
    expect((await fetch(`${url}/toString`)).status).toBe(404);
    const posted = await fetch(`${url}/metrics`, { method: 'POST', body: 'x' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('the ops server refuses a head that is too long', async () => {
    const { port } = await operating();
    const status = await new Promise((resolve, reject) => {
      const headers = { 'x-long': 'x'.repeat(20_000) };
      request({ port, host: '127.0.0.1', path: '/healthz', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(status).toBe(431);
  });

  test('the ops server reports why it cannot listen, and the remedy', async () => {
    const taken = await operating();
    const shutdown$ = new Subject<void>();
    const events$ = new Subject<ServerEvent>();
    const start = (port: number) => startOpsServer({ port, events$, shutdown$, stats: () => nothing });
    const second = await start(taken.port);
    expect(second).toMatchObject({ ok: false, error: { code: 'in-use', address: taken.address } });
    expect(await start(70_000)).toMatchObject({ ok: false, error: { code: 'failed' } });
    // Nothing is left that counts.
    expect(events$.observed || shutdown$.observed).toBe(false);
  });

  test('the ops server closes at once, in the middle of an answer too, and stops counting', async () => {
    const asked$ = new ReplaySubject<void>();
    const never = () => {
      asked$.next();
      return new Promise<never>(() => {});
    };
    const server = await operating({ unfinished: never });
    const scrape = fetch(`${server.url}/metrics`);
    const failed = expect(scrape).rejects.toThrow();
    await firstValueFrom(asked$);
    await server.close();
    await failed;
    expect(server.events$.observed || server.shutdown$.observed).toBe(false);
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  });
});

test('without prom-client, metrics are refused with what to install, and the rest of the package loads', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  // Node's own answer for a package that is not there.
  const hooks = `
    export async function resolve(name, context, next) {
      return await next(name === 'prom-client' ? 'prom-client-is-not-installed' : name, context);
    }`;
  const script = `
    const { register } = await import('node:module');
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`)});
    const { createMetrics } = await import('./dist/server.js');
    const { NEVER } = await import('rxjs');
    console.log(JSON.stringify(await createMetrics({ events$: NEVER, stats: () => ({}) })));`;
  const said = execFileSync(process.execPath, ['--input-type=module'], {
    cwd: root,
    input: script,
    encoding: 'utf8',
  });
  expect(JSON.parse(said)).toEqual({
    ok: false,
    error: {
      code: 'no-prom-client',
      message: 'metrics need prom-client, which is not installed: npm install prom-client',
    },
  });
});

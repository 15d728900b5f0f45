/**
 * The table of bounds, measured: for each way to make a server hold memory or descriptors, what a server process holds is
 * compared with what `src/server/bounds.ts` adds up from its limits, and what it is left with after a round with what it
 * held before anybody used it.
 *
 * Servers have a small budget and few descriptors, so that what is not bounded shows many times over. Connections are
 * made, sent on, and not read from; then all are dropped.
 *
 * `BOUNDS_ROUNDS=50 npx vitest run test/e2e/resilience/bounds.test.ts` goes on for so many rounds of each, rather than one.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { NetConnectOpts, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { boundsOf } from '../../../src/server/bounds.ts';
import {
  defaultLimits,
  handshakesWithin,
  limitsWithin,
  type ServerLimits,
} from '../../../src/server/limits.ts';
import { createAuthority } from '../../support/certificates.ts';
import { frame, putFrame, rawFrame } from '../../support/network/peer.ts';
import { endAll } from '../../support/processes/cli.ts';
import { connectTo, type Measured, reset, startMeasured } from '../../support/processes/served-process.ts';
import { cases } from '../../support/random/cases.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const ROUNDS = Number(process.env.BOUNDS_ROUNDS ?? cases(0.1));
const OPEN_FILES = 1024;
const BUDGET = 4 * MIB;
/** What the process may have grown by for reasons of its own: code that was compiled, say. */
const NOISE = 40 * MIB;
/** What may be left of a round besides: the large slabs of some connections are collected late, with those of the next. */
const LATE = 24 * MIB;
const CONNECTIONS = 100;
const LARGE = 4 * MIB;

const many = (count: number, one: (i: number) => Uint8Array): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => one(i));
const repeated = (count: number, one: (i: number) => Uint8Array): Uint8Array =>
  Buffer.concat(many(count, one));

const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
let folders = 0;
const newPlace = (): string => join(folder, `${++folders}`);
afterAll(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

/** Looks again and again; the test's own time ends it. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 25));
}

/** What it holds, once no further look at it finds less: some of what is over is let go of later. */
async function heldBy(server: Measured): Promise<number> {
  for (let least = await server.held(); ; ) {
    const now = await server.held();
    if (now > least - 256 * KIB) return Math.min(now, least);
    least = now;
  }
}

/** What it holds, looked at again while that is more than it may be: some of what is over is let go of later. */
async function heldWithin(server: Measured, bytesMax: number): Promise<number> {
  for (let looks = 0; ; looks++) {
    const held = await server.held();
    if (held <= bytesMax || looks === 40) return held;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What all of a kind do: how many, what each sends, chunk by chunk, and from where it comes. */
interface Attack {
  readonly connections?: number;
  readonly says: (n: number) => readonly Uint8Array[];
  readonly from?: (n: number) => Partial<NetConnectOpts>;
  /** The connections are dropped as soon as all is sent. */
  readonly leaves?: boolean;
}

interface Peak {
  unsettled: number;
  descriptors: number;
  resident: number;
  connections: number;
}

/** Looks at a server until nothing has moved for a while, or for so many looks. */
async function watched(server: Measured, during: Promise<unknown>, looksMax: number): Promise<Peak> {
  const peak: Peak = { unsettled: 0, descriptors: 0, resident: 0, connections: 0 };
  let isOver = false;
  void during.then(() => {
    isOver = true;
  });
  let before = '';
  let calm = 0;
  for (let looks = 0; looks < looksMax && calm < 4; looks++) {
    const now = await server.scrape();
    const value = (name: string) => now.value(`sluice_${name}`);
    peak.unsettled = Math.max(peak.unsettled, value('unsettled_bytes'));
    peak.connections = Math.max(peak.connections, value('connections_open'));
    peak.descriptors = Math.max(peak.descriptors, server.descriptors());
    peak.resident = Math.max(peak.resident, server.resident());
    const state = [value('received_bytes_total'), value('sent_bytes_total'), value('unsettled_bytes')].join();
    calm = isOver && state === before ? calm + 1 : 0;
    before = state;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return peak;
}

/** So many at a time, so that none is refused for a full queue. */
async function attack(
  port: number,
  { connections = CONNECTIONS, says, from }: Attack,
  sockets: Socket[],
): Promise<void> {
  for (let n = 0; n < connections; n += 50) {
    const some = Array.from({ length: Math.min(50, connections - n) }, async (_, i) => {
      const socket = await connectTo({ port, host: '127.0.0.1', ...from?.(n + i) } as NetConnectOpts);
      if (socket === null) return;
      sockets.push(socket);
      socket.setNoDelay(true);
      for (const chunk of says(n + i)) socket.write(chunk);
    });
    await Promise.all(some);
  }
}

interface Round {
  readonly peak: Peak;
  /** Memory while all is held, without garbage. */
  readonly heldMeanwhile: number;
}

/** Attacks a server that may hold so much meanwhile, and drops all connections. */
async function round(server: Measured, what: Attack, bytesMax: number): Promise<Round> {
  const sockets: Socket[] = [];
  const attacking = attack(server.port, what, sockets);
  if (what.leaves) void attacking.then(() => sockets.map((socket) => socket.destroySoon()));
  const peak = await watched(server, attacking, 120);
  const heldMeanwhile = await heldWithin(server, bytesMax);
  for (const socket of sockets) reset(socket);
  await until(async () => {
    const now = await server.scrape();
    return now.value('sluice_connections_open') === 0 && now.value('sluice_unsettled_bytes') === 0;
  });
  return { peak, heldMeanwhile };
}

/** What it is held to besides the bounds of its limits. */
interface Held {
  /** What the server held before anybody used it; default what it holds now. */
  readonly before?: number;
  /** By how much more it may hold meanwhile, where that is less than the limits allow. */
  readonly memoryMax?: number;
}

/** Rounds of it, each within the bounds, and each leaves nothing behind. */
async function hold(server: Measured, limits: ServerLimits, what: Attack, held: Held = {}): Promise<void> {
  const connections = Math.min(what.connections ?? CONNECTIONS, limits.connections);
  const bounds = boundsOf(limits, { connections });
  const before = { held: held.before ?? (await heldBy(server)), resident: server.resident() };
  const heldMax = before.held + Math.min(bounds.memory, held.memoryMax ?? Number.POSITIVE_INFINITY);
  const rounds: Round[] = [];
  let heldAfter = 0;
  for (let i = 0; i < ROUNDS; i++) {
    const { peak, heldMeanwhile } = await round(server, what, heldMax);
    rounds.push({ peak, heldMeanwhile });
    expect(peak.unsettled).toBeLessThanOrEqual(bounds.unsettled);
    expect(peak.connections).toBeLessThanOrEqual(limits.connections);
    expect(peak.descriptors).toBeLessThanOrEqual(bounds.descriptors);
    expect(heldMeanwhile).toBeLessThanOrEqual(heldMax);
    expect(peak.resident - before.resident).toBeLessThanOrEqual(bounds.memory + NOISE);
    heldAfter = await heldWithin(server, before.held + NOISE + LATE);
    expect(heldAfter - before.held).toBeLessThanOrEqual(NOISE + LATE);
  }
  const last = await server.scrape();
  expect(last.value('sluice_accept_failures_total')).toBe(0);
  expect(last.value('sluice_bugs_total')).toBe(0);
  if (process.env.BOUNDS_ROUNDS !== undefined) {
    const mib = (bytes: number) => (bytes / MIB).toFixed(1);
    const told = rounds.map(
      ({ peak, heldMeanwhile }) =>
        `${mib(peak.unsettled)} ${peak.descriptors} ${mib(peak.resident)} ${mib(heldMeanwhile)}`,
    );
    console.log(
      `unsettled, descriptors, resident, held; at most ${mib(bounds.unsettled)} MiB, ${bounds.descriptors}, ` +
        `${mib(bounds.memory)} MiB; before ${mib(before.held)}, after the last ${mib(heldAfter)}:\n` +
        told.join('\n'),
    );
  }
}

const limitsOf = (openFiles: number, budget: number, more: Partial<ServerLimits> = {}): ServerLimits => ({
  ...defaultLimits,
  ...limitsWithin(openFiles),
  budget: { high: budget, low: (budget * 3) / 4 },
  ...more,
});

function rootWithLarge(): string {
  const root = newPlace();
  mkdirSync(root);
  writeFileSync(join(root, 'large'), new Uint8Array(LARGE));
  return root;
}

function rootWithFiles(): string {
  const root = rootWithLarge();
  for (let i = 0; i < 1_000; i++) {
    const below = join(root, `folder ${i % 250}`);
    mkdirSync(below, { recursive: true });
    writeFileSync(join(below, `${i} ${'n'.repeat(i % 100)}`), '');
  }
  return root;
}

describe('a server that everybody may use holds no more than its limits add up to', () => {
  let server: Measured;
  let before = 0;
  const limits = limitsOf(OPEN_FILES, BUDGET);
  const unix = newPlace();

  beforeAll(async () => {
    const flags = [
      '--memory-budget',
      `${BUDGET}`,
      '--max-uploads',
      '50',
      '--unix',
      unix,
      '--log-level',
      'info',
    ];
    server = await startMeasured(rootWithFiles(), OPEN_FILES, flags);
    // What is loaded and compiled at the first use is no growth.
    const says = (n: number) => [putFrame(`warm ${n}`, new Uint8Array(MIB), { id: 1 })];
    await round(server, { connections: 20, says }, Number.POSITIVE_INFINITY);
    before = await heldBy(server);
  });

  // The system holds megabytes for a TCP connection whose peer does not read, and here some hundred kilobytes.
  const throughUnix = () => ({ path: unix });
  const get = frame({ cmd: 'get', filename: 'large' });
  const list = frame({ cmd: 'list' });
  const attacks: Readonly<Record<string, Attack>> = {
    'headers that are half there': {
      says: () => [frame({ cmd: 'ping', pad: 'x'.repeat(60_000) }).subarray(0, 50_000)],
    },
    'headers that come byte by byte': {
      connections: 50,
      says: () => many(300, (i) => frame({ cmd: 'ping', pad: 'x'.repeat(300) }).subarray(i, i + 1)),
    },
    'deep JSON, and a byte of a body': {
      connections: 60,
      says: (n) => [
        rawFrame(
          `{"cmd":"put","filename":"d${n}","filesize":9999999,"x":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
          'x',
        ),
      ],
    },
    'wide JSON, and a byte of a body': {
      connections: 60,
      says: (n) => [
        rawFrame(`{"cmd":"put","filename":"w${n}","filesize":9999999,"x":[${'{},'.repeat(20_000)}0]}`, 'x'),
      ],
    },
    'the shortest frames, behind a body that came fast': {
      connections: 10,
      says: (n) => [putFrame(`fast ${n}`, new Uint8Array(300_000)), repeated(1_500, () => rawFrame('{}'))],
    },
    'ids that are echoed in replies and errors': {
      connections: 10,
      says: () => [repeated(3_000, (i) => frame({ cmd: i % 10 ? 'ping' : 'nope', id: 'i'.repeat(256) }))],
      from: throughUnix,
    },
    'gets that are not read': { connections: 50, says: () => [repeated(20, () => get)] },
    'lists that are not read': {
      connections: 20,
      says: () => [repeated(150, () => list)],
      from: throughUnix,
    },
    'a list behind a get that is not read': {
      connections: 50,
      says: () => [get, list],
      from: throughUnix,
    },
    'lists, and is gone': { connections: 20, says: () => [repeated(150, () => list)], leaves: true },
    'uploads, each under a key of its own': {
      connections: 50,
      says: (n) => [
        repeated(10, (i) => putFrame(`u${n}-${i}`, 'x', { upload: `${n}-${i}`, id: i })),
        frame({ cmd: 'put', filename: `u${n}`, filesize: 10, upload: `${n}` }, 'x'),
      ],
    },
    'a put that is told its progress at each byte, behind a get that is not read': {
      connections: 50,
      says: (n) => [
        get,
        frame({ cmd: 'put', filename: `p${n}`, filesize: 1e9, progress: 1, upload: `p${n}` }),
        ...many(300, () => new Uint8Array(1)),
      ],
      from: throughUnix,
    },
    'requests that wait for another': {
      connections: 25,
      says: () => [get, repeated(60, (i) => frame({ cmd: 'delete', filename: 'large/x', id: i }))],
      from: throughUnix,
    },
    'files of a byte': {
      connections: 30,
      says: (n) => [repeated(15, (i) => putFrame(`${n}/${i}`, 'x', { id: i }))],
    },
    'a byte of a file in the middle of much else': {
      connections: 30,
      says: (n) => [repeated(10, (i) => putFrame(`m${n}-${i}`, 'x', { id: i, pad: 'x'.repeat(60_000) }))],
    },
    'bodies that are refused': {
      connections: 20,
      says: () => [repeated(5, () => putFrame('../x', new Uint8Array(200_000)))],
    },
    'large bodies': { connections: 20, says: (n) => [putFrame(`large ${n}`, new Uint8Array(2 * MIB))] },
    'questions about files in many folders': {
      connections: 20,
      says: (n) => [
        repeated(50, (i) => frame({ cmd: 'stat', filename: `folder ${(n + i) % 250}/x`, id: i })),
      ],
    },
    'nothing at all': { connections: 150, says: () => [] },
    'more connections than there may be': {
      connections: 400,
      says: () => [frame({ cmd: 'ping' })],
      from: (n) => ({ localAddress: `127.0.0.${2 + (n % 4)}` }),
    },
    'connections from many addresses that come and go': {
      connections: 300,
      says: () => [frame({ cmd: 'ping' })],
      from: (n) => ({ localAddress: `127.0.0.${2 + (n % 200)}` }),
      leaves: true,
    },
    'gets through a Unix socket': {
      connections: 50,
      says: () => [repeated(20, () => get)],
      from: throughUnix,
    },
  };

  test.each(Object.keys(attacks))(
    'a server holds no more than its limits add up to when peers send %s',
    async (name) => {
      await hold(server, limits, attacks[name]!, { before });
    },
  );

  test('a server holds no more descriptors than it may when somebody opens very many connections to its metrics', async () => {
    const sockets: Socket[] = [];
    const before = server.descriptors();
    let closed = 0;
    for (let i = 0; i < 100; i++) {
      const socket = await connectTo({ port: server.metricsPort, host: '127.0.0.1' });
      socket?.resume().on('close', () => closed++);
      if (socket !== null) sockets.push(socket);
    }
    let most = 0;
    await until(() => {
      most = Math.max(most, server.descriptors() - before);
      // The test's own may be some of the sixteen.
      return closed >= sockets.length - 16;
    });
    // Each is accepted before it is closed.
    expect(most).toBeLessThanOrEqual(32);
    for (const socket of sockets) socket.destroy();
    await until(() => server.descriptors() <= before + 1);
  });
});

test('long headers wait for their place, so that of many that are half there only a few are held', async () => {
  const headerBytes = MIB;
  const flags = ['--memory-budget', `${BUDGET}`, '--max-header', `${headerBytes}`, '--log-level', 'info'];
  const server = await startMeasured(newPlace(), OPEN_FILES, flags);
  const limits = limitsOf(OPEN_FILES, BUDGET, { headerBytes });
  const connections = 100;
  const half = rawFrame(`{"pad":"${'x'.repeat(headerBytes - 100)}"}`).subarray(0, headerBytes - 200);
  // All of them together would be 100 MiB.
  await hold(server, limits, { connections, says: () => [half] }, { memoryMax: 45 * MIB });
  server.child.kill('SIGKILL');
});

describe('a server with tokens', () => {
  const token = createHash('sha256').update('a token of at least sixteen letters').digest('hex');
  const access = newPlace();
  writeFileSync(access, JSON.stringify({ tokens: [{ name: 'a', sha256: token, rights: ['read'] }] }));
  // What came behind it would be waited for too, ten seconds at the most.
  const wrong = (n: number) => [frame({ cmd: 'hello', token: `${'t'.repeat(900)}${n}` })];

  test('a server with tokens is within its bounds when wrong tokens come, from one address and from many', async () => {
    const flags = ['--access', access, '--memory-budget', `${BUDGET}`, '--log-level', 'info'];
    const server = await startMeasured(newPlace(), OPEN_FILES, flags);
    const limits = limitsOf(OPEN_FILES, BUDGET);
    await hold(server, limits, { says: wrong });
    await hold(server, limits, { says: wrong, from: (n) => ({ localAddress: `127.0.1.${1 + n}` }) });
    server.child.kill('SIGKILL');
  });

  test('a server with TLS is within its bounds when many handshakes are half done', async () => {
    const { cert, key } = createAuthority('Test CA').issue({
      subject: [['CN', 'server']],
      names: ['localhost'],
    });
    const [certFile, keyFile] = [newPlace(), newPlace()];
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
    const tls = ['--tls-cert', certFile, '--tls-key', keyFile];
    const flags = [...tls, '--access', access, '--memory-budget', `${BUDGET}`, '--log-level', 'info'];
    const server = await startMeasured(newPlace(), OPEN_FILES, flags);
    const handshakes = handshakesWithin(OPEN_FILES);
    const limits = limitsOf(OPEN_FILES - handshakes, BUDGET);
    const bounds = boundsOf(limits, { connections: 0, handshakes });
    const before = { held: await heldBy(server), descriptors: server.descriptors() };
    const heldMax = before.held + bounds.memory;
    const helloOfTls = Buffer.from([22, 3, 1, 2, 0, 1]);
    for (let i = 0; i < ROUNDS; i++) {
      const sockets: Socket[] = [];
      const what = { connections: 700, says: () => [helloOfTls] };
      const peak = await watched(server, attack(server.port, what, sockets), 20);
      expect(peak.descriptors - before.descriptors).toBeLessThanOrEqual(handshakes + 32);
      expect(await heldWithin(server, heldMax)).toBeLessThanOrEqual(heldMax);
      for (const socket of sockets) socket.destroy();
      expect((await heldWithin(server, before.held + NOISE)) - before.held).toBeLessThanOrEqual(NOISE);
    }
    server.child.kill('SIGKILL');
  });
});

test('a server that records holds no more than one that does not, and what waits for the disk', async () => {
  const recordings = newPlace();
  const server = await startMeasured(rootWithLarge(), OPEN_FILES, [
    '--memory-budget',
    `${BUDGET}`,
    '--record',
    recordings,
    '--record-max-size',
    `${MIB}`,
    '--record-max-files',
    '30',
    '--log-level',
    'info',
  ]);
  const limits = limitsOf(OPEN_FILES, BUDGET);
  await hold(server, limits, {
    connections: 25,
    says: (n) => [
      putFrame(`r${n}`, new Uint8Array(500_000)),
      repeated(100, (i) => frame({ cmd: 'ping', id: `${'i'.repeat(200)}${i}` })),
      frame({ cmd: 'get', filename: 'large' }),
    ],
  });
  server.child.kill('SIGKILL');
});

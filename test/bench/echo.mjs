/**
 * An echo of frames: an actor beside a server that is written by hand on node:net, and beside the usual way with RxJS.
 *
 * The messages a second are what a client of its own process gets, and the processor's time is the server's.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ownBuild } from './support/build.mjs';
import { cpuSeconds } from './support/process-facts.mjs';
import { figure, median, printTable } from './support/table.mjs';

const SERVERS = fileURLToPath(new URL('./servers/echo-servers.mjs', import.meta.url));
const KINDS = ['actor', 'actor-match', 'by-hand', 'usual-rxjs'];
const ROUNDS = Number(process.env.SLUICE_BENCH_ROUNDS ?? 5);
const WORDS = {
  actor: 'an actor, switch',
  'actor-match': 'an actor, match',
  'by-hand': 'by hand on node:net',
  'usual-rxjs': 'fromEvent, concatMap',
};
/** What is measured: the size of a message, how many connections, how many messages in all, and how many are ahead. */
const LOADS = [
  { name: '64 bytes, 1 connection, pipelined', size: 64, connections: 1, messages: 1_000_000, ahead: 4096 },
  {
    name: '64 bytes, 100 connections, pipelined',
    size: 64,
    connections: 100,
    messages: 1_000_000,
    ahead: 256,
  },
  {
    name: '1 KiB, 100 connections, one at a time',
    size: 1024,
    connections: 100,
    messages: 100_000,
    ahead: 1,
  },
];

async function start(kind, build = ownBuild) {
  const child = spawn(process.execPath, [SERVERS, kind, build.dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = await once(createInterface({ input: child.stdout }), 'line');
  return { pid: child.pid, port: Number(port), close: () => child.kill() };
}

/** Sends messages on one connection, so many ahead of their echoes, until all are back. */
function echoes(port, { size, ahead }, count) {
  return new Promise((resolve, reject) => {
    const frame = Buffer.alloc(4 + size, 7);
    frame.writeUInt32BE(size);
    const batch = Buffer.concat(Array.from({ length: Math.min(ahead, 256) }, () => frame));
    const socket = connect(port, '127.0.0.1').setNoDelay();
    let [sent, received] = [0, 0];
    const send = () => {
      while (sent < count) {
        const room = ahead - (sent - Math.floor(received / frame.length));
        const now = Math.min(room, count - sent, batch.length / frame.length);
        // A few at a time would measure the client's writes.
        if (now < 1 || (now < batch.length / frame.length && now < count - sent)) return;
        sent += now;
        socket.write(batch.subarray(0, now * frame.length));
      }
    };
    socket.on('connect', send).on('error', reject);
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received === count * frame.length) {
        socket.destroy();
        resolve();
      } else send();
    });
  });
}

async function measure({ pid, port }, load) {
  const each = Math.round(load.messages / load.connections);
  const cpu = cpuSeconds(pid);
  const from = performance.now();
  await Promise.all(Array.from({ length: load.connections }, () => echoes(port, load, each)));
  const seconds = (performance.now() - from) / 1000;
  const count = each * load.connections;
  return { rate: count / seconds, cpu: ((cpuSeconds(pid) - cpu) / count) * 1e6 };
}

/** The same echo by two builds. */
export function contests() {
  return LOADS.map((load) => ({
    name: `echo, ${load.name}`,
    figures: { 'messages/s': 'more', 'server CPU µs/message': 'less' },
    async open(build) {
      const server = await start('actor', build);
      return {
        close: server.close,
        async turn() {
          const { rate, cpu } = await measure(server, load);
          return { 'messages/s': rate, 'server CPU µs/message': cpu };
        },
      };
    },
  }));
}

export async function run() {
  const figures = [];
  const servers = {};
  for (const kind of KINDS) servers[kind] = await start(kind);
  try {
    for (const load of LOADS) {
      const rounds = Object.fromEntries(KINDS.map((kind) => [kind, []]));
      for (const kind of KINDS) await measure(servers[kind], load);
      for (let round = 0; round < ROUNDS; round++)
        for (const kind of KINDS) rounds[kind].push(await measure(servers[kind], load));
      const of = (kind, what) => median(rounds[kind].map((each) => each[what]));
      console.log(`\nEcho, ${load.name}: medians of ${ROUNDS} rounds, in turns`);
      printTable(
        ['server', 'messages/s', 'CPU µs/message', 'rate / by hand', 'CPU by hand / its CPU'],
        KINDS.map((kind) => [
          WORDS[kind],
          of(kind, 'rate'),
          of(kind, 'cpu'),
          of(kind, 'rate') / of('by-hand', 'rate'),
          of('by-hand', 'cpu') / of(kind, 'cpu'),
        ]),
      );
      const ratio = of('actor', 'rate') / of('by-hand', 'rate');
      figures.push(figure(`echo, ${load.name}, actor / by hand`, ratio, '×', { atLeast: 0.8 }));
    }
  } finally {
    for (const { close } of Object.values(servers)) close();
  }
  return figures;
}

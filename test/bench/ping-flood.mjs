// Pings: as many as a connection can ask and hear answered; a client that asks and never listens; and one that pings
// politely beside it.
import { mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ownBuild } from './support/build.mjs';
import { startSluice } from './support/peers.mjs';
import { cpuSeconds } from './support/process-facts.mjs';
import { figure, printSummary } from './support/table.mjs';
import { removeAtExit } from './support/tidy.mjs';
import { frame } from './support/wire.mjs';

/**
 * Sends `count` requests as fast as they are taken and never reads. Ends when all were taken, or when nothing was for
 * two seconds: the server has stopped reading, as it should. Answers how many were taken and a way to hang up.
 */
export async function flood(port, count, header) {
  const socket = connect(port, '127.0.0.1');
  // Paused before it connects, Node never reads from it: the replies fill the operating system's buffers.
  socket.pause();
  let failure;
  socket.on('error', (error) => {
    failure = error;
  });
  const batch = 100;
  const bytes = Buffer.concat(Array.from({ length: batch }, () => frame(header)));
  let taken = 0;
  while (taken < count) {
    const written = new Promise((resolve) => socket.write(bytes, () => resolve(true)));
    if (!(await Promise.race([written, delay(2000, false, { ref: false })]))) break;
    if (failure) throw new Error(`the flood was cut off after ${taken} requests: ${failure.message}`);
    taken += batch;
  }
  return { taken, hangUp: () => socket.destroy() };
}

/** Pings on a connection of its own until `stop()`, which answers how often and the longest wait in milliseconds. */
export function politePings(port) {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  const ping = frame({ cmd: 'ping' });
  let [answered, longest, stopped, waiting] = [0, 0, false, undefined];
  socket.on('data', () => waiting?.());
  socket.on('error', () => {});
  const loop = async () => {
    while (!stopped) {
      const from = performance.now();
      const reply = new Promise((resolve) => {
        waiting = () => resolve(true);
      });
      socket.write(ping);
      const came = await Promise.race([reply, delay(5000, false, { ref: false })]);
      longest = Math.max(longest, performance.now() - from);
      if (!came) return;
      answered++;
      await delay(10);
    }
  };
  const done = loop();
  return {
    async stop() {
      stopped = true;
      await done;
      socket.destroy();
      return { answered, longest };
    },
  };
}

/** Sends `count` pings ahead of their replies on one connection, and answers the seconds until all were answered. */
function answeredPings(port, count) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').setNoDelay();
    const batch = Buffer.concat(Array.from({ length: 100 }, () => frame({ cmd: 'ping', id: 1 })));
    const from = performance.now();
    let [sent, answered] = [0, 0];
    let head = Buffer.alloc(0);
    const sendMore = () => {
      while (sent < count) {
        sent += 100;
        if (!socket.write(batch)) return;
      }
    };
    socket.on('connect', sendMore).on('drain', sendMore).on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${answered} of ${count} answers`)));
    socket.on('data', (chunk) => {
      const bytes = head.length > 0 ? Buffer.concat([head, chunk]) : chunk;
      let at = 0;
      for (;;) {
        if (bytes.length - at < 4) break;
        const need = 4 + bytes.readInt32LE(at);
        if (bytes.length - at < need) break;
        at += need;
        answered++;
      }
      head = bytes.subarray(at);
      if (answered < count) return;
      socket.removeAllListeners('close').destroy();
      resolve((performance.now() - from) / 1000);
    });
  });
}

async function pingRate({ pid, port }, count) {
  const before = cpuSeconds(pid);
  const seconds = await answeredPings(port, count);
  return { rate: count / seconds, cpu: ((cpuSeconds(pid) - before) / count) * 1e6 };
}

/** Answered pings of two builds. */
export function contests() {
  return [
    {
      name: 'ping-flood, 100,000 answered on one connection',
      figures: { 'pings/s': 'more', 'server CPU µs/ping': 'less' },
      async open(build, dir) {
        const server = await startSluice(dir, 'os', [], 'sluice', build);
        return {
          close: server.stop,
          async turn() {
            const { rate, cpu } = await pingRate(server, 100_000);
            return { 'pings/s': rate, 'server CPU µs/ping': cpu };
          },
        };
      },
    },
  ];
}

export async function run() {
  const dir = removeAtExit(mkdtempSync(join(tmpdir(), 'sluice-bench-')));
  const server = await startSluice(dir, 'os', [], 'sluice', ownBuild);
  try {
    // The first round warms up.
    await pingRate(server, 100_000);
    const { rate, cpu } = await pingRate(server, 300_000);
    const figures = [
      figure('300,000 pings answered on one connection', rate, 'pings/s'),
      figure('server CPU a ping', cpu, 'µs'),
    ];
    console.log('\nPings sent ahead of their answers, on one connection');
    printSummary(figures);
    return figures;
  } finally {
    await server.stop();
  }
}

// Holds connections in a process of its own, so that what they take there is not the server's.
//
//   node holder.mjs PORT PID COUNT idle      connects, and is silent
//   node holder.mjs PORT PID COUNT pinged    asks one ping on each, and is silent when all are answered
//   node holder.mjs PORT PID COUNT slow      each uploads a file of 16 MiB, a KiB every 200 ms
//
// PID is the server's. Prints `held` when the server has them all (slow: and all have begun), and goes on until it is
// killed.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { openFiles } from '../support/process-facts.mjs';
import { frame, openWire } from '../support/wire.mjs';

/** Fewer than a listening socket queues: what comes beyond is dropped, and connects again a second later. */
const WAVE = 200;
const SLOW_SIZE = 16 * 2 ** 20;
const SLOW_PIECE = Buffer.alloc(1024, 7);
const SLOW_INTERVAL_MS = 200;

const [port, pid, count] = process.argv.slice(2, 5).map(Number);

function connected() {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(socket)).once('error', reject);
    socket.resume();
  });
}

const open = {
  idle: connected,
  pinged: () => openWire(port).ask(frame({ cmd: 'ping' })),
  async slow(i) {
    const socket = await connected();
    socket.write(frame({ cmd: 'put', filename: `slow-${i}`, filesize: SLOW_SIZE, id: 1 }, SLOW_PIECE));
    setInterval(() => socket.write(SLOW_PIECE), SLOW_INTERVAL_MS);
  },
}[process.argv[5]];

const before = openFiles(pid);
for (let at = 0; at < count; at += WAVE) {
  const some = Math.min(WAVE, count - at);
  await Promise.all(Array.from({ length: some }, (_, i) => open(at + i)));
  // Connected for the system is not yet accepted by the server.
  while (openFiles(pid) < before + at + some) await delay(5);
}
console.log('held');
setInterval(() => {}, 1 << 30);

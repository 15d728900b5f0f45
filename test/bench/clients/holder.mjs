// Holds connections in a process of its own, so that what they take there is not the server's.
//
//   node holder.mjs PORT COUNT idle      connects, and is silent
//   node holder.mjs PORT COUNT pinged    asks one ping on each, and is silent when all are answered
//   node holder.mjs PORT COUNT slow      each uploads a file of 16 MiB, a KiB every 200 ms
//
// Prints `held` when all are there (slow: when all have begun), and goes on until it is killed.
import { connect } from 'node:net';
import { frame, openWire } from '../wire.mjs';

const AT_ONCE = 64;
const SLOW_SIZE = 16 * 2 ** 20;
const SLOW_PIECE = Buffer.alloc(1024, 7);
const SLOW_INTERVAL_MS = 200;

const [, , port, count, kind] = process.argv;

function connected() {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.once('connect', () => resolve(socket)).once('error', reject);
    // Whoever is silent does not care what comes; a reset ends the process, and with it the measurement.
    socket.resume();
  });
}

const open = {
  idle: connected,
  pinged: () => openWire(Number(port)).ask(frame({ cmd: 'ping' })),
  async slow(i) {
    const socket = await connected();
    socket.write(frame({ cmd: 'put', filename: `slow-${i}`, filesize: SLOW_SIZE, id: 1 }, SLOW_PIECE));
    setInterval(() => socket.write(SLOW_PIECE), SLOW_INTERVAL_MS);
  },
}[kind];

let next = 0;
async function lane() {
  while (next < Number(count)) await open(next++);
}
await Promise.all(Array.from({ length: AT_ONCE }, lane));
console.log('held');
setInterval(() => {}, 1 << 30);

// A client that asks and never listens, and one that pings politely beside it.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** One frame of Sluice's wire without a body. */
export function frame(header) {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeInt32LE(json.length);
  return Buffer.concat([length, json]);
}

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

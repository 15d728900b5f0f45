// How long a new connection waits for its first answer while others send as fast as they can.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { percentile } from './table.mjs';
import { frame } from './wire.mjs';

const REQUESTS = {
  wire: frame({ cmd: 'ping' }),
  http: 'HEAD /there-is-no-such-file HTTP/1.1\r\nHost: b\r\n\r\n',
};
/** Between two new connections, so that they are no load themselves. */
const PAUSE_MS = 5;

/** The milliseconds from connecting to the first byte of the answer. */
function firstAnswer(protocol, port) {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const socket = connect(port, '127.0.0.1').setNoDelay();
    socket.once('connect', () => socket.write(REQUESTS[protocol]));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed before it answered')));
    socket.once('data', () => {
      resolve(performance.now() - from);
      socket.destroy();
    });
  });
}

/**
 * Has `senders` connections send the files over and over, each under names of its own, and meanwhile opens `count` more,
 * one after the other. Answers the `median` and `p99` of their milliseconds, and the MB/s that the senders had.
 */
export async function firstAnswers({ protocol, port, send }, { files, window, senders, count }) {
  const from = performance.now();
  let [over, sent] = [false, 0];
  const load = async (i) => {
    while (!over) {
      await send(files, window, port, `${i}-`);
      sent += files.count * files.size;
    }
  };
  const loads = Promise.all(Array.from({ length: senders }, (_, i) => load(i)));
  const waited = [];
  const ask = async () => {
    try {
      while (waited.length < count) {
        waited.push(await firstAnswer(protocol, port));
        await delay(PAUSE_MS);
      }
    } finally {
      over = true;
    }
  };
  await Promise.all([ask(), loads]);
  const rate = sent / 1e6 / ((performance.now() - from) / 1000);
  return { median: percentile(waited, 50), p99: percentile(waited, 99), rate };
}

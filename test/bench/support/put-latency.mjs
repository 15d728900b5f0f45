// How long each put takes from its first byte to its ack, on connections that each send one file at a time.
import { percentile } from './table.mjs';
import { frame, openWire } from './wire.mjs';

/**
 * Sends `count` files of `size` bytes on so many connections, the next on a connection when the last is acknowledged.
 * Answers the seconds of all, and the milliseconds of each as `median` and `p99`.
 */
export async function putLatency(port, { connections, count, size }) {
  const body = Buffer.alloc(size, 7);
  const wires = Array.from({ length: connections }, () => openWire(port));
  const taken = [];
  let next = 0;
  const lane = async (wire) => {
    while (next < count) {
      const filename = `p${String(next++).padStart(5, '0')}`;
      const from = performance.now();
      const reply = await wire.ask(frame({ cmd: 'put', filename, filesize: size, id: 1 }, body));
      if (reply.ack !== 'put') throw new Error(`${filename}: ${JSON.stringify(reply)}`);
      taken.push(performance.now() - from);
    }
  };
  const from = performance.now();
  try {
    await Promise.all(wires.map(lane));
  } finally {
    for (const wire of wires) wire.close();
  }
  const seconds = (performance.now() - from) / 1000;
  return { seconds, median: percentile(taken, 50), p99: percentile(taken, 99) };
}

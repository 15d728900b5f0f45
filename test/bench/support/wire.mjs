// As much of Sluice's wire as a client of a benchmark speaks.
import { connect } from 'node:net';

/** One frame, and the body behind it. */
export function frame(header, body = Buffer.alloc(0)) {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeInt32LE(json.length);
  return Buffer.concat([length, json, body]);
}

/**
 * A connection on which one request at a time is asked: `ask` sends the bytes of a request and resolves with the header
 * of the reply, which has no body. It rejects when the connection ends before.
 */
export function openWire(port) {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  let received = Buffer.alloc(0);
  let waiting;
  const settle = (how, value) => {
    const settled = waiting;
    waiting = undefined;
    settled?.[how](value);
  };
  socket.on('error', (error) => settle('reject', error));
  socket.on('close', () => settle('reject', new Error('the server closed before it answered')));
  socket.on('data', (bytes) => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    if (received.length < 4 || received.length < 4 + received.readInt32LE()) return;
    const end = 4 + received.readInt32LE();
    const header = JSON.parse(received.subarray(4, end));
    received = received.subarray(end);
    settle('resolve', header);
  });
  return {
    ask(request) {
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      });
    },
    close: () => socket.destroy(),
  };
}

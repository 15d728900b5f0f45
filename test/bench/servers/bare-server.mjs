// What Node costs by itself: a server on node:net or node:tls that does nothing but read, or write.
//
//   node bare-server.mjs net                     reads and drops whatever comes, and answers nothing
//   node bare-server.mjs tls CERT KEY [SIZE]     speaks as much of Sluice's wire as one transfer on a connection
//                                                needs: drops a put's body, and answers a get with SIZE bytes
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { frame } from '../support/wire.mjs';

const PIECE = Buffer.alloc(2 ** 19);
const [, , kind, cert, key, size] = process.argv;

function readOnly(socket) {
  socket.on('data', () => {});
  socket.on('error', () => {});
}

/** Writes that many bytes, a piece at a time, as fast as they are taken. */
function writeBody(socket, length) {
  let left = length;
  const more = () => {
    while (left > 0) {
      const piece = PIECE.subarray(0, Math.min(left, PIECE.length));
      left -= piece.length;
      if (!socket.write(piece)) return;
    }
    socket.off('drain', more);
  };
  socket.on('drain', more);
  more();
}

function oneTransfer(socket) {
  let [received, expected, request] = [0, 0, undefined];
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    received += bytes.length;
    if (request === undefined) {
      const end = 4 + bytes.readUInt32LE();
      request = JSON.parse(bytes.subarray(4, end));
      if (request.cmd === 'get') {
        socket.write(frame({ ack: 'get', body: Number(size) }));
        writeBody(socket, Number(size));
      } else expected = end + request.filesize;
    }
    if (expected > 0 && received === expected) {
      socket.write(frame({ ack: 'put', filename: request.filename }));
    }
  });
}

const server =
  kind === 'tls'
    ? createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, oneTransfer)
    : createServer(readOnly);
server.listen({ port: 0, host: '127.0.0.1', backlog: 511 }, () =>
  console.log(`listening on 127.0.0.1:${server.address().port}`),
);

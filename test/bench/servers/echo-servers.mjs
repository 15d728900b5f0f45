/**
 * One of the servers that `echo` measures: it answers each frame of 4 bytes of length and a body with the same frame.
 *
 * node test/bench/servers/echo-servers.mjs KIND DIR (it prints its port)
 */
import { createServer } from 'node:net';
import { load, openBuild } from '../support/build.mjs';

const [kind, dir] = process.argv.slice(2);
const MAX = 1 << 20;

/** By hand on node:net: no bounds, and every reply that is ready in one write. */
function byHand() {
  return createServer((socket) => {
    let held = null;
    socket.setNoDelay();
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const bytes = held === null ? chunk : Buffer.concat([held, chunk]);
      let at = 0;
      socket.cork();
      while (bytes.length - at >= 4) {
        const length = bytes.readUInt32BE(at);
        if (length > MAX) return socket.destroy();
        if (bytes.length - at - 4 < length) break;
        const body = bytes.subarray(at + 4, at + 4 + length);
        const reply = Buffer.allocUnsafe(4 + length);
        reply.writeUInt32BE(length, 0);
        reply.set(body, 4);
        socket.write(reply);
        at += 4 + length;
      }
      socket.uncork();
      held = at < bytes.length ? bytes.subarray(at) : null;
    });
  });
}

/** The usual way with RxJS: an event a chunk, a scan over concatenated buffers, an asynchronous function a frame. */
async function usualRxjs(rxjs) {
  const { fromEvent, scan, concatMap, takeUntil, from } = rxjs;
  const framesOf = ({ rest }, chunk) => {
    let bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const frames = [];
    while (bytes.length >= 4 && bytes.length - 4 >= bytes.readUInt32BE(0)) {
      const length = bytes.readUInt32BE(0);
      frames.push(bytes.subarray(4, 4 + length));
      bytes = bytes.subarray(4 + length);
    }
    return { frames, rest: bytes };
  };
  return createServer((socket) => {
    socket.setNoDelay();
    socket.on('error', () => {});
    const answer = async (body) => {
      const head = Buffer.alloc(4);
      head.writeUInt32BE(body.length);
      socket.write(Buffer.concat([head, body]));
    };
    fromEvent(socket, 'data')
      .pipe(
        scan(framesOf, { frames: [], rest: Buffer.alloc(0) }),
        concatMap(({ frames }) => from(frames)),
        concatMap(answer),
        takeUntil(fromEvent(socket, 'close')),
      )
      .subscribe();
  });
}

async function actor(reduceWith) {
  const names = ['defineActor', 'serveActors', 'lengthField', 'listenTcp'];
  const { defineActor, serveActors, lengthField, listenTcp } = await load(openBuild(dir), ...names);
  const echo = defineActor()({ codec: lengthField({ width: 4, maxLength: MAX }), reduce: reduceWith });
  serveActors({ connections$: listenTcp({ port: 0 }), actor: echo }).subscribe((event) => {
    if (event.type === 'listening') console.log(event.port);
  });
}

const bySwitch = (state, event) => {
  switch (event.type) {
    case 'message':
      return { state, effects: [{ type: 'send', message: event.message }] };
    default:
      return { state };
  }
};

async function byMatch() {
  const { match } = await import('ts-pattern');
  return (state, event) =>
    match(event)
      .with({ type: 'message' }, ({ message }) => ({ state, effects: [{ type: 'send', message }] }))
      .otherwise(() => ({ state }));
}

if (kind === 'actor') await actor(bySwitch);
else if (kind === 'actor-match') await actor(await byMatch());
else {
  const { rxjs } = await load(openBuild(dir));
  const server = kind === 'by-hand' ? byHand() : await usualRxjs(rxjs);
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}

// The well-known way, to compare with: `fromEvent` and `concatMap` over the same slow disk. Nothing tells the socket to
// wait, so what the disk has not taken waits in `concatMap`'s buffer.
//
//   node naive-server.mjs [BYTES_PER_SECOND]
import { createServer } from 'node:net';
import { concatMap, fromEvent } from 'rxjs';
import { pace } from './pace.mjs';

const taken = pace(Number(process.argv[2] ?? 20e6));
const server = createServer((socket) => {
  socket.on('error', () => {});
  fromEvent(socket, 'data')
    .pipe(
      concatMap(async (chunk) => {
        await taken(chunk.length);
        return chunk.length;
      }),
    )
    .subscribe();
});
server.listen(0, '127.0.0.1', () => console.log(`listening on 127.0.0.1:${server.address().port}`));

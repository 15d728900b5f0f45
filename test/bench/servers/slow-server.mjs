// Sluice embedded over a store of one's own that takes 20 MB/s and keeps nothing: what is behind `bounded-memory`.
//
//   node slow-server.mjs [BYTES_PER_SECOND [DIR]]      DIR: another build's checkout
import { crc32 } from 'node:zlib';
import { load, openBuild, ownBuild } from '../support/build.mjs';
import { pace } from './pace.mjs';

const ok = (value) => ({ ok: true, value });
const missing = { ok: false, error: { code: 'not-found', message: 'this store keeps nothing' } };

function slowStore(bytesPerSecond) {
  const taken = pace(bytesPerSecond);
  return {
    durable: false,
    put(name, { size, mtime }) {
      let crc = 0;
      return ok({
        async write(chunks) {
          let bytes = 0;
          for (const chunk of chunks) {
            crc = crc32(chunk, crc);
            bytes += chunk.length;
          }
          await taken(bytes);
          return ok(undefined);
        },
        commit: () => ok({ name, size, mtime: mtime ?? Date.now(), crc32: crc, durable: false }),
        abort() {},
      });
    },
    open: () => missing,
    stat: () => missing,
    list: () => ok({ files: [] }),
    remove: () => missing,
    rename: () => missing,
    async close() {},
  };
}

const [, , bytesPerSecond = 20e6, dir] = process.argv;
const build = dir === undefined ? ownBuild : openBuild(dir);
const { listenTcp, serve } = await load(build, 'listenTcp', 'serve');
const store = slowStore(Number(bytesPerSecond));
serve({ connections$: listenTcp({ port: 0 }), store }).subscribe((event) => {
  if (event.type === 'listening') console.log(`listening on ${event.address}`);
});

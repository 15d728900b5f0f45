/**
 * A process that uploads to a store until it is killed: `node upload-process.mjs ROOT DURABILITY SIZE LIMIT`. Prints
 * `synced N` each time that a sync has answered that N bytes are stored. Writes at most LIMIT of the SIZE bytes. Byte
 * i of the content is i modulo 251. Needs a build.
 */
import { openDiskStore } from '../../../dist/server.js';

const [root, durability, size, limit] = process.argv.slice(2);
const content = Buffer.alloc(
  Number(size),
  Uint8Array.from({ length: 251 }, (_, i) => i),
);
const opened = await openDiskStore(root, { durability });
const { offset } = (await opened.value.resume('key')).value;
const sink = (await opened.value.put('file', { size: content.length, upload: 'key', offset })).value;
for (let at = offset, writes = 1; at < Number(limit); at += 300_000, writes++) {
  const written = await sink.write([content.subarray(at, at + 300_000)]);
  if (!written.ok) throw new Error(written.error.message);
  if (writes % 3 === 0) console.log(`synced ${(await sink.sync()).value.offset}`);
}
setInterval(() => {}, 1000);

/** The key-value server with values that no reply can hold. */
import { expect, test } from 'vitest';
import { keyValues } from '../../src/demo/key-values.ts';
import { served } from '../support/actors/served.ts';
import { ascii, concat } from '../wire/stream.ts';

test('a value that is longer than it came is refused, and ends nobody who watches it', async () => {
  const server = served(keyValues());
  const watcher = server.connect();
  await watcher.send({ cmd: 'watch', id: 1, key: 'k' });
  expect(await watcher.next()).toEqual({ key: 'k' });
  const peer = server.open();
  const request = ascii(`{"cmd":"set","id":1,"key":"k","value":[${Array(5000).fill('1e20').join()}]}`);
  peer.chunks$.subscribe({ error: () => {} });
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, request.length);
  await new Promise<unknown>((sent) => peer.write([concat(length, request)], sent));
  await watcher.send({ cmd: 'set', id: 2, key: 'k', value: 1 });
  expect(await watcher.next()).toMatchObject({ value: 1 });
  expect(server.types()).toEqual(['opened', 'opened']);
  server.stop();
});

/** The small examples, each spoken to as a client of it would. */
import { firstValueFrom, take, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { framed } from '../../src/actor/framed/framed.ts';
import { echo } from '../../src/demo/echo.ts';
import { keyValueCodec, keyValues } from '../../src/demo/key-values.ts';
import { served } from '../support/actors/served.ts';

test('the echo answers each line with itself', async () => {
  const client = served(echo).connect();
  for (const line of ['a', '', 'größe']) {
    await client.send(line);
    expect(await client.next()).toBe(line);
  }
  client.end();
});

test('the key-value server answers by id, and tells who watches of each value', async () => {
  const server = served(keyValues());
  const keyOf = (message: unknown) => (message as { id?: number }).id;
  const client = framed(server.open(), keyValueCodec, { keyOf });
  const watcher = framed(server.open(), keyValueCodec, { keyOf });
  expect(await client.request({ id: 1, cmd: 'get', key: 'a' })).toEqual({ id: 1 });
  await watcher.send({ id: 1, cmd: 'watch', key: 'a' });
  expect(await watcher.next()).toEqual({ key: 'a' });
  const seen = firstValueFrom(watcher.messages$.pipe(take(2), toArray()));
  expect(await client.request({ id: 2, cmd: 'set', key: 'a', value: [1] })).toEqual({ id: 2, value: [1] });
  expect(await client.request({ id: 3, cmd: 'set', key: 'b', value: 0 })).toEqual({ id: 3, value: 0 });
  expect(await client.request({ id: 4, cmd: 'set', key: 'a', value: null })).toEqual({ id: 4, value: null });
  expect(await client.request({ id: 5, cmd: 'get', key: 'a' })).toEqual({ id: 5, value: null });
  expect(await seen).toEqual([
    { key: 'a', value: [1] },
    { key: 'a', value: null },
  ]);
  await client.send({ cmd: 'what' });
  expect(await client.next()).toEqual({ error: 'no such request' });
  client.end();
  watcher.destroy();
});

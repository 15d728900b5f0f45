/** The connection in memory over which the page's server asks the file service. */
import { firstValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { openFrameClient } from '../../../src/server/web/frame-client.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import { encodeJsonHeader } from '../../../src/wire/json-header.ts';
import { turns } from '../../transport/connection-helpers.ts';

const visitor = { local: '127.0.0.1:80', remote: '192.0.2.7:50000' };

function opened() {
  let served: Connection | undefined;
  const client = openFrameClient(visitor, (connection) => {
    served = connection;
    return true;
  });
  return { client, served: served! };
}

const frame = (header: Record<string, unknown>): Uint8Array => {
  const encoded = encodeJsonHeader(header);
  if (!encoded.ok) throw new Error(encoded.fault.message);
  return encoded.bytes;
};

test('a piece of a file settles only when its last part is taken, and is taken in parts', async () => {
  const { client, served } = opened();
  expect(served).toMatchObject(visitor);
  let taken = 0;
  const asked = client.ask({ cmd: 'get', filename: 'a' }, () => (bytes) => {
    taken += bytes.length;
    client.pause();
  });
  const size = 512 * 1024;
  let isSettled = false;
  served.write([frame({ ack: 'get', body: size })], () => {});
  served.write([new Uint8Array(size)], () => {
    isSettled = true;
  });
  for (let parts = 1; parts <= 8; parts++) {
    await turns(2);
    expect([taken, isSettled]).toEqual([parts * 64 * 1024, parts === 8]);
    client.resume();
  }
  expect(await asked).toMatchObject({ ok: true });
});

test('a server that takes no more connections, ends one or sends nonsense leaves nobody waiting', async () => {
  const refused = openFrameClient(visitor, () => false);
  expect(await refused.ask({ cmd: 'ping' })).toMatchObject({ ok: false, error: { code: 'unavailable' } });

  const ended = opened();
  const asked = ended.client.ask({ cmd: 'ping' });
  ended.served.end();
  expect(await asked).toMatchObject({ ok: false, error: { code: 'unavailable' } });
  expect(await ended.client.ask({ cmd: 'ping' })).toMatchObject({ ok: false });

  const confused = opened();
  const answer = confused.client.ask({ cmd: 'ping' });
  confused.served.write([Buffer.from('HTTP/1.1 200 OK\r\n\r\n')], () => {});
  expect(await answer).toMatchObject({ ok: false, error: { code: 'unavailable' } });

  const tooLong = await opened().client.ask({ cmd: 'hello', token: 'x'.repeat(100_000) });
  expect(tooLong).toMatchObject({ ok: false, error: { code: 'bad-request' } });
});

test('what is said to nobody is dropped, and the end behind it is known', async () => {
  const { client, served } = opened();
  served.write([frame({ error: { code: 'timed-out', message: 'too slow' } })], () => {});
  served.end();
  await turns(2);
  expect(await client.ask({ cmd: 'ping' })).toMatchObject({ ok: false });
});

test('a connection ends in good order though its last bytes had it paused', async () => {
  const { client, served } = opened();
  served.chunks$.subscribe();
  const asked = client.ask({ cmd: 'get', filename: 'a' }, () => () => client.pause());
  served.write([frame({ ack: 'get', body: 3 }), Buffer.from('abc')], () => {});
  expect(await asked).toMatchObject({ ok: true });
  client.end();
  served.end();
  expect(await firstValueFrom(served.closed$)).toBeNull();
});

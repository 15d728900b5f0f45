/** The upper-case service by the clock. */
import { firstValueFrom, mergeMap } from 'rxjs';
import { expect, onTestFinished, test } from 'vitest';
import { serveUpper } from '../../src/demo/upper-case.ts';
import { connectTcp } from '../../src/transport/socket/tcp.ts';
import { manualClock } from '../support/manual-clock.ts';
import { read, write } from '../transport/connection-helpers.ts';
import { ascii, bytesOf } from '../wire/stream.ts';

test('serveUpper waits for whoever says nothing, or half a character, for as long as that takes', async () => {
  const { advance } = manualClock();
  const connection = await new Promise<Awaited<ReturnType<typeof connected>>>((resolve) => {
    const service = serveUpper({ tcp: { port: 0 } })
      .pipe(mergeMap(async (event) => (event.type === 'listening' ? connected(event.port) : null)))
      .subscribe((client) => client !== null && resolve(client));
    onTestFinished(() => service.unsubscribe());
  });
  const reading = read(connection);
  const wait = async () => {
    for (let seconds = 0; seconds < 1_200; seconds++) await advance(1_000);
  };
  await wait();
  await write(connection, ascii('a'), bytesOf(0xc3));
  await reading.reached(1);
  await wait();
  await write(connection, bytesOf(0xa9));
  await reading.reached(3);
  expect(reading.bytes().toString()).toBe('AÉ');
  connection.destroy();
});

const connected = (port: number) => firstValueFrom(connectTcp({ host: '127.0.0.1', port }));

import { VirtualTimeScheduler } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { closeGracefully } from '../../src/transport/close-gracefully.ts';
import type { Connection, ConnectionFault } from '../../src/transport/connection.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { deframe } from '../../src/wire/deframe/deframe.ts';
import { lengthField } from '../../src/wire/length-field.ts';
import { once, pattern, read, turns, write } from './connection-helpers.ts';
import { tcpPair } from './tcp-pair.ts';

const framing = lengthField({ width: 4, maxLength: 65_536 });
const http = new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n');
const sorry = new TextEncoder().encode('sorry');

/** Reads frames as the documentation shows it, and answers how the connection ended. */
function served(connection: Connection): Promise<ConnectionFault | null> {
  connection.chunks$.pipe(deframe(framing)).subscribe({
    next: (event) => {
      if (event.type === 'fault') connection.write([sorry], () => {});
    },
    error: () => {},
    complete: () => closeGracefully(connection),
  });
  return once(connection.closed$);
}

const pairs = { TCP: tcpPair, 'the memory pair': async () => memoryPair() };

describe.each(Object.entries(pairs))('closing a connection of %s gracefully', (_, pair) => {
  test('after a fatal fault ends it in good order once the peer has ended its side', async () => {
    const [peer, connection] = await pair();
    const closed = served(connection);
    const reading = read(peer);
    peer.write([http], () => peer.end());
    expect(await closed).toBeNull();
    expect(await reading.done).toBeNull();
    expect(reading.bytes().toString()).toBe('sorry');
  });

  test('when the peer has ended before ends it just as well', async () => {
    const [peer, connection] = await pair();
    const closed = served(connection);
    read(peer);
    peer.end();
    expect(await closed).toBeNull();
  });

  test('within the event of the fault, while it is still being read, does the same', async () => {
    const [peer, connection] = await pair();
    connection.chunks$.pipe(deframe(framing)).subscribe((event) => {
      if (event.type === 'fault') closeGracefully(connection);
    });
    read(peer);
    peer.write([http], () => peer.end());
    expect(await once(connection.closed$)).toBeNull();
  });

  test('goes on reading a connection that was paused', async () => {
    const [peer, connection] = await pair();
    connection.pause();
    const reading = read(peer);
    peer.write([pattern(500_000)], () => peer.end());
    closeGracefully(connection);
    expect(await once(connection.closed$)).toBeNull();
    expect(await reading.done).toBeNull();
  });

  test('lets a peer that goes on sending read to the end what it was told', async () => {
    const [peer, connection] = await pair();
    connection.write([sorry], () => {});
    closeGracefully(connection);
    const reading = read(peer);
    for (let sent = 0; sent < 30; sent++) expect(await write(peer, pattern(100_000))).toBeNull();
    expect(await reading.done).toBeNull();
    expect(reading.bytes().toString()).toBe('sorry');
    peer.end();
    expect(await once(connection.closed$)).toBeNull();
  });

  test('gives back what it reads', async () => {
    const [peer, connection] = await pair();
    let returned = 0;
    const counted = { ...connection, recycle: (_: Uint8Array, bytes: number) => (returned += bytes) };
    peer.write([pattern(70_000)], () => peer.end());
    expect(await once(closeGracefully(counted as Connection))).toBeNull();
    expect(returned).toBe(70_000);
  });
});

describe('a peer that never ends its side', () => {
  /** Virtual time: what is scheduled for it happens when it is flushed, and then is what time it is. */
  function closing(lingerMs: number) {
    const scheduler = new VirtualTimeScheduler();
    const [peer, connection] = memoryPair();
    let destroyed = 0;
    const watched = {
      ...connection,
      destroy() {
        destroyed++;
        connection.destroy();
      },
    };
    const closed$ = closeGracefully(watched, { lingerMs, scheduler });
    return { scheduler, peer, closed$, destroyed: () => destroyed };
  }

  test('a peer that never ends its side is dropped after the time, and not before', async () => {
    const { scheduler, peer, closed$, destroyed } = closing(700);
    const reading = read(peer);
    await turns(2);
    expect(destroyed()).toBe(0);
    scheduler.flush();
    expect(scheduler.now()).toBe(700);
    expect((await once(closed$))?.code).toBe('destroyed');
    // It had been told the end in good order.
    expect(await reading.done).toBeNull();
  });

  test('a peer that never ends its side has as long as no time at all when that is what it is given', async () => {
    const { scheduler, closed$ } = closing(0);
    scheduler.flush();
    expect((await once(closed$))?.code).toBe('destroyed');
  });

  test('a peer that never ends its side leaves no timer behind when it ends its side in time', async () => {
    const { scheduler, peer, closed$, destroyed } = closing(700);
    peer.end();
    read(peer);
    expect(await once(closed$)).toBeNull();
    scheduler.flush();
    expect([scheduler.now(), destroyed()]).toEqual([0, 0]);
  });
});

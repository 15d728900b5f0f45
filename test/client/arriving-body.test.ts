/** The body of an answer as it arrives: one body at a time has the connection, and only that one stops it. */
import { firstValueFrom, mergeMap, type Subscription, take } from 'rxjs';
import { describe, expect, test } from 'vitest';
import type { ArrivingAnswer } from '../../src/client/request.ts';
import { encodeJsonHeader } from '../../src/wire/json-header.ts';
import { pattern } from '../transport/connection-helpers.ts';
import { played } from './served.ts';

const PIECE_BYTES = 64 * 1024;

/** A played server, and requests `a` and `b` that it was sent, of which `a` is being answered, perhaps with bytes at once. */
async function answering(pieces: number, withAck: Uint8Array = new Uint8Array(0)) {
  const server = played();
  const ask = (cmd: string, begun: (answer: ArrivingAnswer) => void = () => {}): Subscription =>
    server.client.request({ cmd }, { answer: 'stream' }).subscribe({ next: begun, error: () => {} });
  const arriving = new Promise<ArrivingAnswer>((resolve) => ask('a', resolve));
  const other = ask('b');
  await server.arrived(2);
  const ack = encodeJsonHeader({ ack: 'a', id: 1, body: withAck.length + pieces * PIECE_BYTES });
  if (!ack.ok) throw new Error(ack.fault.message);
  // In one chunk: the bytes behind the ack arrive before anybody can have subscribed.
  server.there.write([Buffer.concat([ack.bytes, withAck])], () => {});
  const answer = await arriving;
  let taken = 0;
  const send = () => server.there.write([pattern(PIECE_BYTES)], () => taken++);
  return { ...server, ask, answer, other, send, taken: () => taken };
}

/** All that the connection in memory does by itself has been done. */
const quiet = async () => {
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
};

describe('an arriving body', () => {
  test('a body that nobody reads stays unread when another request is unsubscribed', async () => {
    const { answer, other, send, taken } = await answering(40);
    for (let i = 0; i < 40; i++) send();
    await quiet();
    const before = taken();
    expect(before).toBeLessThan(10);
    other.unsubscribe();
    await quiet();
    expect(taken()).toBe(before);
    let bytes = 0;
    answer.bytes$.subscribe((piece) => {
      bytes += piece.length;
    });
    await expect.poll(() => bytes).toBe(40 * PIECE_BYTES);
  });

  test('a reader that pauses on a piece that had arrived before it came gets no more until it resumes', async () => {
    const { answer, here } = await answering(4, pattern(10));
    await quiet();
    let resumed = 0;
    const { resume } = here;
    here.resume = () => {
      resumed++;
      resume();
    };
    let pieces = 0;
    answer.bytes$.subscribe(() => {
      if (pieces++ === 0) answer.pause();
    });
    expect([pieces, resumed]).toEqual([1, 0]);
    answer.resume();
    expect(resumed).toBe(1);
  });

  test('pausing and resuming a body that is over does nothing to the one that arrives behind it', async () => {
    const { answer, other, ask, here, send, reply, arrived } = await answering(1);
    other.unsubscribe();
    answer.bytes$.subscribe().unsubscribe();
    const calls: string[] = [];
    here.pause = () => calls.push('pause');
    here.resume = () => calls.push('resume');
    answer.pause();
    expect(calls).toEqual([]);
    const next = new Promise<ArrivingAnswer>((resolve) => ask('c', resolve));
    await arrived(3);
    send();
    reply({ ack: 'b', id: 2 });
    reply({ ack: 'c', id: 3, body: PIECE_BYTES });
    await next;
    expect(calls).toEqual(['pause']);
    answer.resume();
    expect(calls).toEqual(['pause']);
  });

  test('a request that is unsubscribed before its body was read says so to who reads the body', async () => {
    const { client, arrived, reply } = played();
    const first = firstValueFrom(client.request({ cmd: 'a' }, { answer: 'stream' }));
    const piped = new Promise((resolve) =>
      client
        .request({ cmd: 'b' }, { answer: 'stream' })
        .pipe(
          take(1),
          mergeMap(({ bytes$ }) => bytes$),
        )
        .subscribe({ error: resolve, complete: () => resolve('complete') }),
    );
    await arrived(2);
    reply({ ack: 'a', id: 1, body: 3 }, pattern(3));
    reply({ ack: 'b', id: 2, body: 3 }, pattern(3));
    const { bytes$ } = await first;
    const told = { code: 'closed', message: expect.stringContaining('stay subscribed') };
    await expect(firstValueFrom(bytes$)).rejects.toMatchObject(told);
    expect(await piped).toMatchObject(told);
  });
});

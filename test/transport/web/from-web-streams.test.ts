import { describe, expect, test, vi } from 'vitest';
import { fromWebStreams } from '../../../src/transport/web/from-web-streams.ts';
import { connectionContract } from '../connection-contract.ts';
import { once, pattern, read, write } from '../connection-helpers.ts';

/** A stream that holds so many bytes on its way, as a network would. */
const stream = () =>
  new TransformStream<Uint8Array, Uint8Array>(
    {},
    undefined,
    new ByteLengthQueuingStrategy({ highWaterMark: 64 * 1024 }),
  );

connectionContract(
  'A pair of Web Streams',
  async () => {
    const [there, back] = [stream(), stream()];
    return [
      fromWebStreams({ readable: back.readable, writable: there.writable }),
      fromWebStreams({ readable: there.readable, writable: back.writable }),
    ];
  },
  { names: false, keepsArrived: false },
);

describe('fromWebStreams', () => {
  test('a chunk that is not bytes is a fault that drops both streams', async () => {
    const cancelled = vi.fn();
    const aborted = vi.fn();
    const connection = fromWebStreams({
      readable: new ReadableStream({
        pull: (controller) => controller.enqueue('text'),
        cancel: cancelled,
      }),
      writable: new WritableStream({ abort: aborted }),
    });
    const fault = { code: 'failed', message: 'the stream emitted a chunk that is not a Uint8Array' };
    expect(await read(connection).done).toMatchObject(fault);
    expect(await once(connection.closed$)).toEqual(fault);
    expect(cancelled).toHaveBeenCalledOnce();
    expect(aborted).toHaveBeenCalledOnce();
  });

  test('an error of a stream becomes the fault that was asked for', async () => {
    const streams = () => ({
      readable: new ReadableStream({ start: (controller) => controller.error(new Error('gone')) }),
      writable: new WritableStream(),
    });
    expect(await read(fromWebStreams(streams())).done).toMatchObject({
      code: 'reset',
      message: 'the stream broke: gone',
    });
    const faultOf = () => ({ code: 'timeout', message: 'too late' }) as const;
    expect(await read(fromWebStreams(streams(), { faultOf })).done).toMatchObject(faultOf());
  });

  test('the writes of one turn are joined, and the sink gets copies', async () => {
    const chunks: Uint8Array[] = [];
    const connection = fromWebStreams({
      readable: new ReadableStream(),
      writable: new WritableStream<Uint8Array>({ write: (chunk) => void chunks.push(chunk) }),
    });
    const written = pattern(100);
    const first = write(connection, written);
    await Promise.all([first, write(connection, pattern(100, 100))]);
    written.fill(0);
    expect(chunks.map(({ length }) => length)).toEqual([200]);
    expect(Buffer.from(chunks[0]!).equals(pattern(200))).toBe(true);
    connection.destroy();
  });

  test('a stream that has taken everything and was ended is not aborted by destroy, which would drop what is on its way', async () => {
    const never = new Promise<never>(() => {});
    const abort = vi.fn(async () => {});
    const connection = fromWebStreams({
      readable: new ReadableStream(),
      writable: {
        getWriter: () => ({ closed: never, write: async () => {}, close: () => never, abort }),
      },
    });
    expect(await write(connection, pattern(10))).toBeNull();
    connection.end();
    connection.destroy();
    expect((await once(connection.closed$))?.code).toBe('destroyed');
    expect(abort).not.toHaveBeenCalled();
  });

  test('a stream that is locked is an error of the caller', () => {
    const readable = new ReadableStream();
    readable.getReader();
    expect(() => fromWebStreams({ readable, writable: new WritableStream() })).toThrow(TypeError);
  });
});

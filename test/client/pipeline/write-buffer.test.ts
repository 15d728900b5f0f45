import { expect, test } from 'vitest';
import { createWriteBuffer } from '../../../src/client/pipeline/write-buffer.ts';
import type { ConnectionFault } from '../../../src/transport/connection.ts';

/** A buffer over a connection whose writes settle when the test says so. */
function writeBuffer() {
  const writes: { readonly length: number; readonly settle: (fault?: ConnectionFault) => void }[] = [];
  const faults: ConnectionFault[] = [];
  const buffer = createWriteBuffer(
    { write: (chunks, settle) => writes.push({ length: chunks[0]!.length, settle }) },
    (fault) => faults.push(fault),
  );
  return { buffer, writes, faults };
}

test('bytes that were filled since a mark are discarded, and nothing is called back for them', () => {
  const { buffer, writes } = writeBuffer();
  const taken: string[] = [];
  buffer.room();
  buffer.filled(10);
  buffer.notify(() => taken.push('kept'));
  const mark = buffer.mark();
  buffer.filled(5);
  buffer.notify(() => taken.push('discarded'));
  expect(buffer.rewind(mark)).toBe(true);
  buffer.flush();
  expect(writes.map(({ length }) => length)).toEqual([10]);
  writes[0]!.settle();
  expect(taken).toEqual(['kept']);
});

test('a write buffer does not go back to a mark once its bytes were written', () => {
  const { buffer } = writeBuffer();
  buffer.room();
  const mark = buffer.mark();
  buffer.filled(5);
  buffer.flush();
  expect(buffer.rewind(mark)).toBe(false);
});

test('a sender waits for room while every array is being written, and gets null when a write fails', async () => {
  const { buffer, writes, faults } = writeBuffer();
  let room = buffer.room();
  while (room instanceof Uint8Array) {
    buffer.filled(room.length);
    room = buffer.room();
  }
  expect(writes.map(({ length }) => length)).toEqual([256 * 1024, 256 * 1024, 256 * 1024, 256 * 1024]);
  writes[0]!.settle();
  expect(await room).toHaveLength(256 * 1024);
  buffer.filled(256 * 1024);
  const later = buffer.room();
  writes[1]!.settle({ code: 'reset', message: 'gone' });
  expect(await later).toBe(null);
  writes[2]!.settle({ code: 'reset', message: 'gone' });
  expect(faults).toEqual([{ code: 'reset', message: 'gone' }]);
});

import assert from 'node:assert/strict';
import { fc, test } from '@fast-check/vitest';
import { createFifo } from '../../src/base/fifo.ts';

test.prop([fc.array(fc.option(fc.nat(), { freq: 3 }), { maxLength: 5_000, size: 'max' })])(
  'a FIFO returns its values in the order in which they were pushed',
  (moves) => {
    const queue = createFifo<number>();
    const model: number[] = [];
    // Compared in one go: an `expect` for each of thousands of moves takes a hundred times as long as the moves.
    const seen: unknown[] = [];
    const wanted: unknown[] = [];
    for (const move of moves) {
      if (move === null) {
        seen.push(queue.shift());
        wanted.push(model.shift());
      } else {
        queue.push(move);
        model.push(move);
      }
      seen.push(queue.length);
      wanted.push(model.length);
    }
    for (let left = model.length; left >= 0; left--) {
      seen.push(queue.shift());
      wanted.push(model.shift());
    }
    assert.deepEqual(seen, wanted);
  },
);

import assert from 'node:assert/strict';
import { fc, test } from '@fast-check/vitest';
import { createQueue } from '../../src/runtime/queue.ts';

test.prop([fc.array(fc.option(fc.nat(), { freq: 3 }), { maxLength: 5_000, size: 'max' })])(
  'a queue gives back what it was given, in that order',
  (moves) => {
    const queue = createQueue<number>();
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
      seen.push(queue.length());
      wanted.push(model.length);
    }
    for (let left = model.length; left >= 0; left--) {
      seen.push(queue.shift());
      wanted.push(model.shift());
    }
    assert.deepEqual(seen, wanted);
  },
);

import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { createQueue } from '../../src/runtime/queue.ts';

test.prop([fc.array(fc.option(fc.nat(), { freq: 3 }), { maxLength: 5_000, size: 'max' })])(
  'a queue gives back what it was given, in that order',
  (moves) => {
    const queue = createQueue<number>();
    const model: number[] = [];
    for (const move of moves) {
      if (move === null) expect(queue.shift()).toBe(model.shift());
      else {
        queue.push(move);
        model.push(move);
      }
      expect(queue.length()).toBe(model.length);
    }
    while (model.length > 0) expect(queue.shift()).toBe(model.shift());
    expect(queue.shift()).toBeUndefined();
  },
);

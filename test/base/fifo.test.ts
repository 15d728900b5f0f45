import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { createFifo } from '../../src/base/fifo.ts';

test.prop([fc.array(fc.option(fc.nat(), { freq: 3 }), { maxLength: 5_000, size: 'max' })])(
  'a FIFO returns its values in the order in which they were pushed',
  (moves) => {
    const queue = createFifo<number>();
    const model: number[] = [];
    for (const move of moves) {
      if (move === null) expect(queue.shift()).toBe(model.shift());
      else {
        queue.push(move);
        model.push(move);
      }
      expect(queue.length).toBe(model.length);
    }
    while (model.length > 0) expect(queue.shift()).toBe(model.shift());
    expect(queue.shift()).toBeUndefined();
  },
);

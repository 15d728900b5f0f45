/** The pieces of one IP packet: what it costs to find where each belongs. */
import { expect, test } from 'vitest';
import {
  addFragment,
  type Fragment,
  type FragmentBuffer,
  joinFragments,
} from '../../../src/capture/dissect/fragment-buffer.ts';
import { countedLooks } from '../../support/captures/counted-looks.ts';

const COUNT = 8_000;
/** A search that halves what is left looks at 13 of 8,000. */
const LOOKS_MOST = 20;

const inOrder = Array.from({ length: COUNT }, (_, at) => at);

test.each([
  ['backwards', inOrder.toReversed()],
  ['in order', inOrder],
  [
    'every second one first',
    [...inOrder.filter((at) => at % 2 === 0), ...inOrder.filter((at) => at % 2 === 1)],
  ],
  ['each of them twice', inOrder.toReversed().flatMap((at) => [at, at])],
])('of thousands of pieces that come %s, a few are looked at to put another to its place', (_name, order) => {
  const { list, looks } = countedLooks<Fragment>();
  const pieces: FragmentBuffer = { list, received: 0, total: null };
  let most = 0;
  for (const at of order) {
    const before = looks();
    const bytes = new Uint8Array(8).fill(at % 251);
    expect(
      addFragment(pieces, { start: at * 8, end: at * 8 + 8, bytes }, at < COUNT - 1, { first: -1, last: -1 }),
    ).toBe(true);
    most = Math.max(most, looks() - before);
  }
  expect(most).toBeLessThanOrEqual(LOOKS_MOST);
  expect(pieces).toMatchObject({ received: COUNT * 8, total: COUNT * 8 });
  expect(joinFragments(pieces)).toEqual(
    Uint8Array.from({ length: COUNT * 8 }, (_, at) => Math.floor(at / 8) % 251),
  );
});

/**
 * A server killed at random moments, again and again, while several clients upload to it and try again: what was
 * acknowledged is there byte for byte, whatever is there is whole, what was interrupted goes on where the server says, and
 * nothing unfinished is left in the end.
 */
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { cases, testSeed } from '../support/cases.ts';
import { endAll } from '../support/processes/cli.ts';
import { between, randomFrom } from '../support/seeded.ts';
import { crashLane, libraryClient, plainClient, resumingClient } from '../support/stores/crash-lane.ts';
import { newRoot, removeRoot, temporariesIn } from '../support/stores/store-roots.ts';

afterEach(endAll);

/** Servers side by side, each with a root and clients of its own: while one starts, another is busy. */
const lanes = 3;
const kills = Math.min(100, cases(10));

test('a server killed again and again keeps its word', async () => {
  const facts = await Promise.all(
    Array.from({ length: lanes }, async (_, seed) => {
      const root = newRoot();
      onTestFinished(() => removeRoot(root));
      const random = randomFrom(testSeed + seed);
      const lane = crashLane(root, random);
      const clients = [
        plainClient(lane, 1),
        plainClient(lane, 2),
        resumingClient(lane, 3),
        resumingClient(lane, 4),
        libraryClient(lane, 5),
      ];
      const failed = Promise.all(clients).then(() => {});
      const killing = async () => {
        for (let round = 0; round < kills; round++) {
          // Some in the middle of what is being sent, some in the middle of what is being answered.
          if (round % 3 === 0) await lane.round('sent', between(random, 1, 100));
          else await lane.round('answered', between(random, 1, 30));
        }
        await lane.end(clients);
      };
      // A client that finds the server wanting ends the test, whatever is being waited for.
      await Promise.race([killing(), failed.then(() => new Promise<never>(() => {}))]);
      expect(temporariesIn(root)).toEqual([]);
      return lane.facts;
    }),
  );
  const sum = (of: (each: (typeof facts)[number]) => number) =>
    facts.reduce((all, each) => all + of(each), 0);
  expect(sum(({ kills }) => kills)).toBe(lanes * kills);
  // Otherwise nothing was shown.
  expect(sum(({ broken }) => broken)).toBeGreaterThan(2 * kills);
  expect(sum(({ resumed }) => resumed)).toBeGreaterThan(kills / 4);
  expect(sum(({ stored }) => stored)).toBeGreaterThan(5 * kills);
}, 600_000);

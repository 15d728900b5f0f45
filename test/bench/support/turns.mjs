// Contestants by turns, so that what the machine does meanwhile meets all of them.

/**
 * Each contestant has a turn in each round; the first round warms up and does not count. A contestant that takes long has
 * one turn in all, when it is `once`. `fresh`: each turn starts from nothing, so no round warms up. Answers what `turn`
 * answered, a list for each contestant.
 */
export async function byTurns(contestants, rounds, turn, { fresh = false } = {}) {
  const results = contestants.map(() => []);
  for (let round = fresh ? 1 : 0; round <= rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      if (contestant.once && round !== 1) continue;
      const result = await turn(contestant);
      if (round > 0) results[i].push(result);
    }
  }
  return results;
}

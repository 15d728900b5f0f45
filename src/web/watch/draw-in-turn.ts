/** Draws what takes some milliseconds one after the other, each in a frame of its own. */

const waiting = new Set<() => void>();
let isAsked = false;

/** Returns what withdraws it. Bounded by the callers, each of which has one at most. */
export function drawInTurn(draw: () => void): () => void {
  waiting.add(draw);
  ask();
  return () => waiting.delete(draw);
}

function ask(): void {
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(() => {
    isAsked = false;
    const [next] = waiting;
    if (next === undefined) return;
    waiting.delete(next);
    if (waiting.size > 0) ask();
    next();
  });
}

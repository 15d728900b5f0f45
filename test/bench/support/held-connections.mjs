// The memory that connections take in a server, which are held by a process of its own.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launch } from './peers.mjs';
import { forgetPeak, peakBytes, residentBytes } from './process-facts.mjs';

const holder = fileURLToPath(new URL('../clients/holder.mjs', import.meta.url));
const LOOK_MS = 250;
/** How long they may take to connect. */
const PATIENCE_S = 60;

/** Waits until the resident memory has not changed by a hundredth for a second, and answers it. */
async function settled(pid) {
  const seen = [];
  for (let looks = 0; looks < 40; looks++) {
    seen.push(residentBytes(pid));
    const last = seen.slice(-4);
    if (last.length === 4 && Math.max(...last) <= Math.min(...last) * 1.01) break;
    await delay(LOOK_MS);
  }
  return seen.at(-1);
}

/**
 * Holds so many connections of a kind that `clients/holder.mjs` knows, and answers the KiB that each takes in the server:
 * when it has settled, or, for a number of seconds, at most meanwhile.
 */
export async function heldConnections({ pid, port }, { kind, count, seconds }, dir) {
  const before = await settled(pid);
  forgetPeak(pid);
  const held = launch(
    `holder-${kind}`,
    process.execPath,
    [holder, ...[port, pid, count].map(String), kind],
    dir,
  );
  try {
    await held.until((output) => output.includes('held'), PATIENCE_S);
    if (seconds !== undefined) await delay(seconds * 1000);
    const after = seconds === undefined ? await settled(pid) : peakBytes(pid);
    return (after - before) / count / 1024;
  } finally {
    await held.stop();
  }
}

/** How many descriptors the process may have, and what a server makes of them. */
import { readFileSync } from 'node:fs';

/** The soft limit of open files of this process, where the system tells it; else `Infinity`. */
export function openFileLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

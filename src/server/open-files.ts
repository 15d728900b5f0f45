/** The number of file descriptors that the process may open. */
import { readFileSync } from 'node:fs';

/** The soft limit of open files of this process, where the system reports it; else `Infinity`. */
export function openFileLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

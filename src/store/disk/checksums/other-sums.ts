/** The checksums that other processes know, where several share a root. */
import type { Stats } from 'node:fs';
import type { Task } from '../../task.ts';
import type { Checksum } from './checksum-cache.ts';

export interface OtherSums {
  /** What others know of a name, if they can know something of such a file; it need not be right for the file. */
  ask(name: string, stats: Stats): Task<readonly Checksum[]>;
}

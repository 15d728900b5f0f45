/** The names that other processes publish, where several share a root. */
import type { Task } from '../task.ts';

export interface OtherNames {
  /** Notes that this process has published a file. */
  note(name: string): void;
  /**
   * The files below a folder that other processes have published since a time of `performance.now`; undefined when it is
   * not known of all.
   */
  since(folder: string, time: number): Task<readonly string[] | undefined>;
}

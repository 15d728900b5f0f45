/** An open folder of the disk store, and the paths that name what is in it. */
import type { Start } from '../../task.ts';

/** An open folder. */
export interface Folder {
  /** Its name below the root, without a slash at the end; '' is the root. */
  readonly path: string;
  readonly fd: number;
}

/** The path by which the system finds the child of an open folder. */
export type At = (folder: Folder, child: string) => string;

/** An open folder that several calls share. A caller gets it from `enter` and returns it with `leave`. */
export interface Directory extends Folder {
  /** Asks for a sync of its entries that begins now or later. Concurrent callers share it. */
  readonly sync: Start;
}

export interface Root {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly fd: number;
}

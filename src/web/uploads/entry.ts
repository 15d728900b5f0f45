/**
 * One file of the list, and what may become of it.
 *
 * ```text
 *  status      meaning                                               is left by                    for
 *  waiting     its turn has not come                                 its turn                      hashing, sending
 *  hashing     its SHA-256 is computed                               the digest                    sending
 *  sending     its bytes leave, or wait for the network              the server's answer           stored, asking, failed
 *                                                                    another tab that sends it     elsewhere
 *  asking      there is a file of that name, and nobody has said     the answer                    waiting, skipped
 *              what to do
 *  elsewhere   another tab of this browser sends it                  the end of that               waiting, needs-file, skipped
 *  needs-file  the page was loaded anew: the file must be picked     the file                      waiting
 *              again
 *  paused      somebody has paused it                                going on                      waiting, needs-file
 *  stored      the server has it
 *  failed      it cannot be stored, and `why` says why               trying again                  waiting
 *  skipped     there is a file of that name, which is to stay
 *  cancelled   somebody has given it up
 * ```
 *
 * Each that is not over (stored, skipped, cancelled) may be cancelled, and each of the first three be paused.
 */

export type Status =
  | 'waiting'
  | 'hashing'
  | 'sending'
  | 'asking'
  | 'elsewhere'
  | 'needs-file'
  | 'paused'
  | 'stored'
  | 'failed'
  | 'skipped'
  | 'cancelled';

/** What to do about a file that the server has already. */
export type OnExists = 'ask' | 'replace' | 'keep-both' | 'skip';

/** What tells a file that is picked again from another one: what it is called, and the size and time of its content. */
export interface Source {
  /** The name that it was to have on the server. */
  readonly source: string;
  /** Bytes. */
  readonly size: number;
  /** When it was changed, in milliseconds since 1970. */
  readonly modified: number;
}

export interface Entry extends Source {
  /** From 0, and never used again. */
  readonly id: number;
  /** The name that it gets on the server: `source`, unless both files are kept. */
  readonly name: string;
  readonly status: Status;
  /** Whether the page can read the file. */
  readonly hasFile: boolean;
  /** Whether an earlier page, or another tab, has begun it: it may have been stored without anybody being told. */
  readonly isAgain: boolean;
  /** A hash of both ends of its content; null before it was begun, and of what is too small to be resumed. */
  readonly ends: string | null;
  /** Bytes that have left. */
  readonly sent: number;
  /** Bytes that the server has reported as durable. */
  readonly durable: number;
  /** Bytes a second. */
  readonly rate: number;
  /** Whether the server is to verify it by its SHA-256. */
  readonly verify: boolean;
  readonly onExists: OnExists;
  /** The number in `name`, from 2, where both files are kept; else 1. */
  readonly copy: number;
  /** Why it failed or was skipped; '' for no reason. */
  readonly why: string;
}

const RUNNING: ReadonlySet<Status> = new Set(['hashing', 'sending']);
const OVER: ReadonlySet<Status> = new Set(['stored', 'skipped', 'cancelled']);

export const isRunning = ({ status }: Entry): boolean => RUNNING.has(status);
/** Whether nothing more will become of it. */
export const isOver = ({ status }: Entry): boolean => OVER.has(status);
export const canPause = (entry: Entry): boolean => entry.status === 'waiting' || isRunning(entry);
export const canCancel = (entry: Entry): boolean => !isOver(entry);
/** Whether leaving the page would lose something that is under way. */
export const isUnsaved = (entry: Entry): boolean => canPause(entry) || entry.status === 'asking';

/** Content of so many bytes and more is resumed; smaller is sent again from its start. */
export const RESUMED_BYTES_MIN = 1024 * 1024;
export const isLarge = ({ size }: Source): boolean => size >= RESUMED_BYTES_MIN;

/**
 * Where files go: the contract every store keeps.
 *
 * A store knows names and bytes. It never sees a socket, a request or a reply. The session asks for what
 * it needs as effects; the runtime performs them against this interface.
 *
 * The guarantees, all of them checked by the contract suite (`storeContract` in `sluice/node`):
 *
 * 1. **Atomic.** Until `commit` answers, nobody sees anything new under the name; from then on everybody sees
 *    all of it. A reader that opened the old file goes on reading the old file.
 * 2. **Nothing is left behind.** After `abort`, and after any failure of a sink, no trace of it remains. The one
 *    exception: when all that failed is the last sync, the whole new file is there, though nobody was promised it.
 *    What has arrived of a put with an `upload` is kept after an `abort` and after `io-error` or `too-many-open-files`
 *    (but not after any other failure: a full disk gets its room back, and wrong content is of no use), until it is
 *    finished, cancelled or too old. It never claims more than what is there, not even after a crash.
 * 3. **Durable.** When `durable` is true, what `commit`, `remove` and `rename` answered survives a power cut.
 * 4. **Errors are values.** Whatever goes wrong in the world (a full disk, a name that is a directory) is an
 *    `Outcome` with an error from the catalogue. A throw or a rejection is a bug, and is reported as `internal`.
 * 5. **Names** were checked by `protocol/filename` before a store sees them; a store refuses them all the same
 *    (`bad-filename`), never follows a symbolic link, and never touches anything outside its root.
 * 6. **There are only files.** Folders come with the names that need them. One that has no file below it is in
 *    nobody's way; one that has is `name-conflict` to put or rename onto, as is a name below a file. To whoever wants
 *    to read, remove or rename one, a folder is `not-found`. What is neither is `not-a-file`, and is not listed.
 * 7. **A CRC-32** that is given with a file is that of its content as it is then, also if somebody changed it by other
 *    means than the store. Where that is not certain none is given.
 * 8. **After `close`** every call is refused with `shutting-down`.
 */
import type { ErrorInfo } from '../files/protocol/errors.ts';
import type { FileInfo, Listing, Stored, UploadOffset } from '../files/protocol/file.ts';

export type { FileInfo, Listing, Stored, UploadOffset };

/** What a commit answers. */
export interface Committed extends Stored {
  /** Bytes of the file that had the name until then; 0 when there was none. */
  readonly replaced: number;
}

/** What a rename answers: the file under its new name, and how many bytes the one had that was there before, or 0. */
export interface Renamed extends FileInfo {
  readonly replaced: number;
}

/** What a removal answers: how many bytes the file had. */
export interface Removed {
  readonly size: number;
}

/** What came of it: the value, or an error from the catalogue. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorInfo };

/** An outcome at once, or later. A store that can answer at once saves the caller a turn of the event loop. */
export type MaybeAsync<T> = Outcome<T> | Promise<Outcome<T>>;

export interface PutOptions {
  /** How many bytes the content has, exactly: a `commit` after fewer or more is refused. */
  readonly size: number;
  /** Keeps what arrives under this key (see `uploadKey`) if the put breaks off. Who else holds it is taken over from. */
  readonly upload?: string | undefined;
  /**
   * With an `upload`: where the content that will be written begins, which must be how much of it there is already;
   * else `bad-offset`, with the right one as `offset`. Absent: at 0, and what there was is dropped.
   */
  readonly offset?: number | undefined;
  /** The CRC-32 the whole content must have; else the commit is refused with `crc-mismatch`. */
  readonly crc32?: number | undefined;
  /** The SHA-256 the whole content must have, 64 hexadecimal digits; else `sha256-mismatch`. */
  readonly sha256?: string | undefined;
  /**
   * With an `upload`: called once if another put, a `resume` or a `cancel` takes it over. The sink has then cleaned up
   * or will; no call of its may follow, and one under way is still answered.
   */
  readonly taken?: (() => void) | undefined;
  /** The modification time to give the file, milliseconds since 1970; absent: the time of the commit. */
  readonly mtime?: number | undefined;
  /** Refuse with `exists` if there is a file of that name at the time of the commit. */
  readonly ifAbsent?: boolean | undefined;
}

/**
 * A put under way. Calls never overlap: the next one is made only after the last one was answered. After a
 * failed answer, a `commit` or an `abort`, no further call is made; the sink has by then cleaned up.
 */
export interface Sink {
  /**
   * Appends the chunks, in order; there may be none, and empty ones. They are lent: unchanged until the answer, and
   * not to be kept after it. The caller gathers what queued up while the last write was under way, so one call is
   * one `writev`. More bytes than were said: `size-mismatch`.
   */
  write(chunks: readonly Uint8Array[]): MaybeAsync<void>;
  /**
   * Makes the content visible under its name, atomically. Fewer bytes than were said: `size-mismatch`. Whether the
   * name is free (`name-conflict`, `not-a-file`, `exists`) is decided now, whatever it was when the put began.
   */
  commit(): MaybeAsync<Committed>;
  /**
   * Makes everything written so far as durable as a commit would, and says how much that is. Only to be asked of a put
   * that has something to be kept or told; it costs a sync.
   */
  sync(): MaybeAsync<UploadOffset>;
  /**
   * Drops everything; with an `upload`, keeps what was written instead. Never fails: what cannot be removed now is
   * removed when the store is next opened.
   */
  abort(): void | Promise<void>;
}

/** An opened file, to read from. It stays the file it was when opened, whatever happens to the name. */
export interface Source extends FileInfo {
  /**
   * Up to `length` bytes from `offset`; fewer only at the end of the file, none past it. The result belongs to the
   * caller. Calls may overlap.
   */
  read(offset: number, length: number): MaybeAsync<Uint8Array>;
  /** To be called once, when done; reads under way are still answered. */
  close(): void | Promise<void>;
}

export interface ListOptions {
  /** Only names that start with this; default all. */
  readonly prefix?: string;
  /** Only names after this one, in order; how a next page is asked for. */
  readonly after?: string;
  /** At most so many, from 1. A page may be shorter though there are more: only without `next` is it the last. */
  readonly limit: number;
  /**
   * Aborted once nobody waits for the answer any more. It is to be answered all the same, soon and with whatever; what is
   * done for this call alone is to end. A store may do without: then the work is done in vain.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface Store {
  /** Whether answers are given only once what they say is on stable storage. */
  readonly durable: boolean;
  /**
   * Begins a put. Several may be under way, to different names or to one: the last to commit wins. What the commit
   * would refuse may be refused here already, so that a large content need not come first.
   */
  put(name: string, options: PutOptions): MaybeAsync<Sink>;
  /**
   * How much of an upload there is; nothing (`offset` 0) of one that never began, is finished or was dropped. Whoever
   * holds it loses it: its sink's `taken` is called, and what it has written is counted in.
   */
  resume(upload: string): MaybeAsync<UploadOffset>;
  /** Drops an upload, taking it from whoever holds it; `not-found` when there is nothing of it. */
  cancel(upload: string): MaybeAsync<void>;
  /**
   * How many uploads there are that are not finished, held by a put or kept, and how many bytes have arrived of them.
   * Costs next to nothing.
   */
  unfinished(): { readonly count: number; readonly bytes: number };
  /** With the file's `crc32` where the store knows it; so is it with `stat`, and with nothing else. */
  open(name: string): MaybeAsync<Source>;
  stat(name: string): MaybeAsync<FileInfo>;
  /**
   * A page of the names. A listing is a page, and then others that each begin `after` the last name of the one before,
   * at once or within seconds. Every name that is there from the beginning of a listing to its end is listed, and none
   * twice; what comes or goes meanwhile may or may not be. What this store has answered of puts and renames is seen by every
   * page that is asked for later; what others do to the files, by every listing that begins later.
   */
  list(options: ListOptions): MaybeAsync<Listing>;
  /** Removes a file: `not-found` when there is none. Folders it leaves empty may stay. */
  remove(name: string): MaybeAsync<Removed>;
  /**
   * Moves a file, atomically replacing the one at `to`; with `ifAbsent`, `exists` when there is one. To its own name:
   * nothing happens, or `exists`.
   */
  rename(from: string, to: string, options?: { readonly ifAbsent?: boolean }): MaybeAsync<Renamed>;
  /** Lets go of what it holds, once the calls under way were answered. Puts still under way are aborted. */
  close(): Promise<void>;
}

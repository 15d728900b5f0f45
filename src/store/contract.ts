/** The contract of every store: where files go. */
import type { ServiceFault } from '../files/protocol/errors.ts';
import type { FileInfo, Listing, Stored, UploadOffset } from '../files/protocol/file.ts';

export type { FileInfo, Listing, Stored, UploadOffset };

/** The answer to a commit: the file that the put has stored. */
export interface Committed extends Stored {
  /** Bytes of the file that had the name until then; 0 when there was none. */
  readonly replaced: number;
}

/** The answer to a rename: the file under its new name. */
export interface Renamed extends FileInfo {
  /** Bytes of the file that had the new name before; 0 when there was none. */
  readonly replaced: number;
}

/** The answer to a removal. */
export interface Removed {
  /** Bytes of the file that was removed. */
  readonly size: number;
}

/** A store answers with the value, or with an error from the catalogue. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ServiceFault };

/**
 * An outcome, or a promise of one. A store that answers at once saves the caller a turn of the event loop.
 */
export type MaybeAsync<T> = Outcome<T> | Promise<Outcome<T>>;

/** The content of a put that is whole and has its checksums, and no name yet. */
export interface StagedContent {
  /** The name that the file will have. */
  readonly name: string;
  /** Its bytes. */
  readonly size: number;
  /** The CRC-32 (ISO-HDLC, as in zlib) of all of it. */
  readonly crc32: number;
  /** A file of this machine that has it, to be read until the answer is given. Absent where a store has none. */
  readonly path?: string;
}

/** The facts of the content that `FileStore.put` gets before its first byte. `size` is needed. */
export interface PutOptions {
  /** The exact size of the content in bytes: a `commit` after fewer or more is refused. */
  readonly size: number;
  /**
   * The key under which the store keeps the received bytes if the put breaks off; default it keeps none. If another put
   * has this upload, the store takes it over.
   */
  readonly upload?: string | undefined;
  /**
   * With an `upload`: the offset, in bytes, at which the content that will be written begins. It must equal the number
   * of bytes that the store has; else `bad-offset`, with the right number as `offset`. Absent: at 0, and the store
   * drops the bytes it has.
   */
  readonly offset?: number | undefined;
  /**
   * The CRC-32 (ISO-HDLC, as in zlib) that the whole content must have; else the commit is refused with `crc-mismatch`.
   * Absent: it is not compared.
   */
  readonly crc32?: number | undefined;
  /**
   * The SHA-256 that the whole content must have, 64 hexadecimal digits; else `sha256-mismatch`. Absent: it is not
   * compared.
   */
  readonly sha256?: string | undefined;
  /**
   * With an `upload`: called once if another put, a `resume` or a `cancel` takes the upload over. The sink has then
   * cleaned up or will do so. No further call may follow; a call under way is still answered. Default nothing is
   * called.
   */
  readonly taken?: (() => void) | undefined;
  /** The modification time to give the file, in milliseconds since 1970; absent: the time of the commit. */
  readonly mtime?: number | undefined;
  /**
   * Whether to refuse with `exists` if a file has this name at the time of the commit; default false: it is replaced.
   */
  readonly ifAbsent?: boolean | undefined;
  /**
   * Called once by the commit, when nothing is wrong with the content, before it gets its name: an error refuses it, and
   * is the answer. The store then drops the bytes of an `upload`, but after `unavailable` and `shutting-down`, which say
   * nothing of them, it keeps them. Default all is taken.
   */
  readonly accept?: ((content: StagedContent) => Promise<Outcome<void>>) | undefined;
}

/**
 * A put under way. Calls never overlap: the caller waits for each answer. After an error, a `commit` or an
 * `abort` the caller makes no further call, and the sink has cleaned up by then.
 */
export interface Sink {
  /**
   * Appends the chunks, in order. There may be none, and some may be empty. The sink borrows them: they stay
   * unchanged until the answer, and the sink must not use them after it. The caller collects the chunks that
   * arrive during a write, so that one call is one `writev`. More bytes than announced: `size-mismatch`.
   */
  write(chunks: readonly Uint8Array[]): MaybeAsync<void>;
  /**
   * Makes the content visible under its name, atomically. Fewer bytes than announced: `size-mismatch`. The
   * commit decides whether the name is free (`name-conflict`, `not-a-file`, `exists`), whatever was true when
   * the put began.
   */
  commit(): MaybeAsync<Committed>;
  /**
   * Makes everything written so far as durable as a commit would, and returns how much that is. It costs a
   * sync, so ask only when the result is kept or reported.
   */
  sync(): MaybeAsync<UploadOffset>;
  /**
   * Drops everything; with an `upload`, keeps the written bytes instead. Never fails: a file that cannot be
   * removed now is removed when the store is next opened.
   */
  abort(): void | Promise<void>;
}

/** An opened file, to read from. It stays the file that it was when opened, whatever happens to the name. */
export interface Source extends FileInfo {
  /**
   * Up to `length` bytes from `offset`: fewer only at the end of the file, none after it. The caller owns the
   * result. Calls may overlap.
   *
   * @param memory at least `length` bytes that the source may read into, to save new memory for each piece. The result
   *   may be a view of it. A source may ignore it. Until the answer the caller does not touch it. Default new memory.
   */
  read(offset: number, length: number, memory?: Uint8Array): MaybeAsync<Uint8Array>;
  /** The caller calls it once, when done. Reads under way are still answered. */
  close(): void | Promise<void>;
}

/** Which names `FileStore.list` answers, and how many. `limit` is needed. */
export interface ListOptions {
  /** Only names that start with this; default all names. */
  readonly prefix?: string;
  /**
   * Only names after this one, in the order of their UTF-8 bytes; the next page is asked for with it. Default from the
   * first.
   */
  readonly after?: string;
  /**
   * The most files of a page, from 1. A page may be shorter although more files follow: only a page without
   * `next` is the last.
   */
  readonly limit: number;
  /**
   * Aborted when the caller no longer needs the answer. The store still answers, soon and with anything, and ends the
   * work for this call. A store may ignore the signal; then the work is done in vain. Default it always needs it.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Where files go: what `serve` serves. `openDiskStore` and `memoryStore` make stores, and `withQuotas` bounds one. A
 * store knows names and bytes. It never sees a socket, a request or a reply.
 *
 * A store of your own keeps these guarantees, which `storeContract` of `sluice/testing` checks:
 *
 * 1. **Atomic.** Before `commit` answers, nothing new is visible under the name; after it, the whole file is. A reader
 *    that opened the old file continues to read the old file.
 * 2. **Nothing is left behind.** After `abort`, and after any failure of a sink, no trace of it remains. One exception:
 *    when only the last sync failed, the whole new file is there, although no success was reported. A put with an
 *    `upload` keeps the bytes that arrived after an `abort` and after `io-error` or `too-many-open-files` (but not after
 *    any other failure: a full disk gets its space back, and wrong content is useless), until the upload is finished,
 *    cancelled or too old. The upload never claims more bytes than exist, not even after a crash.
 * 3. **Durable.** When `durable` is true, the changes that `commit`, `remove` and `rename` answered survive a power cut.
 * 4. **Errors are values.** Whatever goes wrong in the world (a full disk, a name that is a directory) is an `Outcome`
 *    with an error from the catalogue. A throw or a rejection is a bug, and is reported as `internal`.
 * 5. **Names** were checked (see `explainBadFilename`) before a store gets them. A store still refuses wrong ones
 *    (`bad-filename`), never follows a symbolic link, and never touches anything outside its root.
 * 6. **There are only files.** A store makes the folders that names need. A folder without files below it does not block
 *    a name. A put or rename to the name of a folder with files is `name-conflict`, as is one to a name below a file. To
 *    read, remove or rename a folder is `not-found`. An entry that is neither file nor folder is `not-a-file`, and is
 *    not listed.
 * 7. **A CRC-32** that is given with a file is that of its current content, even if other programs have changed the
 *    file. Where the store is not certain, it gives none.
 * 8. **After `close`** every call is refused with `shutting-down`.
 */
export interface FileStore {
  /** Whether the store answers only after the change is on stable storage. */
  readonly durable: boolean;
  /**
   * Begins a put. Several may be under way, to different names or to one: the last to commit wins. The store
   * may refuse here what the commit would refuse, so that a large content need not be sent first.
   */
  put(name: string, options: PutOptions): MaybeAsync<Sink>;
  /**
   * How much of an upload the store has; `offset` is 0 for one that never began, is finished or was dropped.
   * If a put has the upload, the store takes it over: it calls `taken`, and the result includes the bytes
   * that the put has written.
   */
  resume(upload: string): MaybeAsync<UploadOffset>;
  /** Drops an upload, also one that a put has; `not-found` when there is none. */
  cancel(upload: string): MaybeAsync<void>;
  /**
   * The number of unfinished uploads, active and stored, and the bytes that have arrived of them. The call
   * costs next to nothing.
   */
  unfinished(): { readonly count: number; readonly bytes: number };
  /**
   * Opens a file to read it. `open` and `stat` include the file's `crc32` where the store knows it; other
   * calls do not.
   */
  open(name: string): MaybeAsync<Source>;
  /**
   * Describes a file: `not-found` when there is none.
   *
   * @param options.checksum the answer should have the file's `crc32` also where the store does not know it: the store
   *   reads the file for it, in bounded memory and few files at once. A store may leave it out all the same. Default
   *   false.
   * @param options.signal aborted when the caller no longer needs the answer, as in `ListOptions`.
   */
  stat(
    name: string,
    options?: { readonly checksum?: boolean; readonly signal?: AbortSignal | undefined },
  ): MaybeAsync<FileInfo>;
  /**
   * A page of the names. A listing is a first page and then others, each `after` the last name of the page
   * before, at once or within seconds. A listing contains every name that exists from its beginning to its
   * end, and none twice; a name that comes or goes meanwhile may or may not be in it. Every page asked for
   * after a put or rename was answered shows its result. Changes that others make to the files show in every
   * listing that begins after them.
   */
  list(options: ListOptions): MaybeAsync<Listing>;
  /** Removes a file: `not-found` when there is none. Folders that become empty may stay. */
  remove(name: string): MaybeAsync<Removed>;
  /**
   * Moves a file, atomically replacing the one at `to`; with `ifAbsent`, `exists` when there is one. A rename
   * to the same name changes nothing, or is `exists`.
   */
  rename(from: string, to: string, options?: { readonly ifAbsent?: boolean }): MaybeAsync<Renamed>;
  /** Releases everything, after the calls under way were answered. Aborts the puts under way. */
  close(): Promise<void>;
}

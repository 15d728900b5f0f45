/**
 * The unfinished uploads of a disk store: who holds which, who may take it over, how many there may be and how long.
 *
 * One call at a time is at work on a key, so that between the look at what there is and the taking of it nobody comes
 * in. A put that holds one ends without asking; only then does it give up its place in `held`.
 */
import type { Hash } from 'node:crypto';
import { hashFor } from '../../content-check.ts';
import type { Outcome, PutOptions, UploadOffset } from '../../contract.ts';
import { keyedLock } from '../../keyed-lock.ts';
import { err, ok, okVoid, type RefusedOutcome } from '../../outcome.ts';
import type { Task } from '../../task.ts';
import { badOffset, refusedKey, tooManyUploads, type UploadLimits } from '../../upload-limits.ts';
import { flags } from '../disk-io.ts';
import { tried } from '../errno.ts';
import type { Disk } from '../publish-file.ts';
import { whyNoRoom } from '../space.ts';
import type { StagingFolder } from '../staging-folder.ts';
import { type ActiveUpload, activeUpload } from './active-upload.ts';
import type { StoredUploads } from './stored-uploads.ts';
import { heldName, type UploadRecord } from './upload-record.ts';
import { hashStart } from './verify-upload.ts';

/** A put that writes to an upload. */
export interface Holder {
  /** Takes the upload from it, and waits until it has let go. False when it ended by itself before. */
  take(keep: boolean): Task<boolean>;
  /** Bytes that it has of it. */
  readonly written: number;
}

/** Makes the put that is to hold an upload. `hash` was fed what there is already. */
type Hold<H extends Holder> = (part: ActiveUpload, hash: Hash | undefined) => H;

export interface DiskUploads {
  /** Takes up an upload for a put, or begins it anew, as `PutOptions` says. */
  begin<H extends Holder>(key: string, options: PutOptions, hold: Hold<H>): Task<Outcome<H>>;
  /** To be called when a put has let go of its upload, however it ended. */
  ended(key: string): void;
  resume(key: string): Task<Outcome<UploadOffset>>;
  cancel(key: string): Task<Outcome<void>>;
  unfinished(): { readonly count: number; readonly bytes: number };
  /** Ends the looking for those that are too old. */
  close(): void;
}

type Perform = (task: Task<Outcome<void>>) => unknown;

/**
 * @param perform runs what nobody waits for, unless the store is closing.
 * @param isClosing whether it is: what takes long is then given up.
 */
export function diskUploads(
  disk: Disk,
  temporaries: StagingFolder,
  kept: StoredUploads,
  limits: UploadLimits,
  perform: Perform,
  isClosing: () => boolean,
): DiskUploads {
  const { io, directories } = disk;
  const { clock, maxUploads } = limits;
  const lock = keyedLock();
  /** Puts that hold one, by its key. `maxUploads` bounds them, with `kept.known` and `starting`. */
  const held = new Map<string, Holder>();
  /** How many calls are at a key or wait for it; those that are under way bound it. */
  const wanted = new Map<string, number>();
  /** Those that are being made or taken up, and may be in neither of these yet. */
  const starting = new Set<string>();
  let serial = 0;

  const stopLooking = clock.every(limits.lookEvery, () => perform(sweep()));

  function count(): number {
    let known = kept.known.size + held.size;
    for (const key of starting) if (!kept.known.has(key) && !held.has(key)) known += 1;
    return known;
  }

  function* alone<T>(key: string, steps: () => Task<Outcome<T>>): Task<Outcome<T>> {
    const refusal = refusedKey(key);
    if (refusal !== undefined) return refusal;
    wanted.set(key, (wanted.get(key) ?? 0) + 1);
    try {
      return yield* lock.run(key, steps());
    } finally {
      const left = (wanted.get(key) ?? 1) - 1;
      if (left === 0) wanted.delete(key);
      else wanted.set(key, left);
    }
  }

  /** Answers whether there was somebody to take it from. */
  function* takeOver(key: string, keep = true): Task<boolean> {
    const holder = held.get(key);
    return holder !== undefined && (yield* holder.take(keep));
  }

  function* begin<H extends Holder>(key: string, options: PutOptions, hold: Hold<H>): Task<Outcome<H>> {
    yield* takeOver(key);
    let found: UploadRecord | undefined;
    if (options.offset === undefined) yield* kept.drop(key);
    else found = yield* kept.find(key);
    const there = found?.length ?? 0;
    if (options.offset !== undefined && options.offset !== there) return badOffset(there);
    if (found === undefined && count() >= maxUploads) return tooManyUploads(maxUploads);

    starting.add(key);
    try {
      const refusal = yield* whyTooMuch(key, options.size, there);
      if (refusal !== undefined) return refusal;
      const part = found === undefined ? yield* makePart(key) : yield* takeUp(found);
      if (part === undefined) return badOffset(0);
      const hash = hashFor(options);
      const refused = hash === undefined ? undefined : yield* hashPart(key, part, hash);
      if (refused !== undefined) return refused;
      const holder = hold(part, hash);
      held.set(key, holder);
      return ok(holder);
    } finally {
      starting.delete(key);
    }
  }

  /** Why what is still to come cannot be had; what there is goes too, as it does when a sink fails so. */
  function* whyTooMuch(key: string, size: number, there: number): Task<RefusedOutcome | undefined> {
    const refusal =
      there > size
        ? err('size-mismatch', 'there is more of it than was said', { expected: size, actual: there })
        : yield* whyNoRoom(io, directories, size - there);
    if (refusal !== undefined) yield* kept.drop(key);
    return refusal;
  }

  function* makePart(key: string): Task<ActiveUpload> {
    const number = ++serial;
    const record: UploadRecord = { key, length: 0, crc32: 0, synced: true };
    return yield* temporaries.within(function* (folder) {
      const path = directories.at(folder, heldName(number, record));
      const fd = yield* io.open(path, flags.createToGoOn, 0o666);
      return activeUpload({ disk, kept, folder, serial: number, fd, record, background: perform });
    });
  }

  /** Undefined when it is gone: another process took it. */
  function* takeUp(record: UploadRecord): Task<ActiveUpload | undefined> {
    const number = ++serial;
    const folder = yield* temporaries.within(function* (own) {
      return (yield* kept.take(record, directories.at(own, heldName(number, record)))) ? own : undefined;
    });
    if (folder === undefined) return undefined;
    const path = directories.at(folder, heldName(number, record));
    let fd: number | undefined;
    try {
      fd = yield* io.open(path, flags.toGoOn);
      // What is beyond the record came before a crash, and nobody knows what of it is there.
      if (io.fs.fstatSync(fd).size > record.length) yield* io.truncate(fd, record.length);
      return activeUpload({ disk, kept, folder, serial: number, fd, record, background: perform });
    } catch (error) {
      if (fd !== undefined) io.letGo(fd);
      yield* tried(putBack(path, record));
      throw error;
    }
  }

  function* putBack(path: string, record: UploadRecord): Task<void> {
    yield* kept.keep(path, record);
  }

  /** Feeds the hash what there is of a part, of which no state of a hash was kept; lets go of it if that fails. */
  function* hashPart(key: string, part: ActiveUpload, hash: Hash): Task<RefusedOutcome | undefined> {
    const goesOn = () => !isClosing() && (wanted.get(key) ?? 0) <= 1;
    let hashed = false;
    try {
      hashed = yield* hashStart(io, part.fd, part.start.offset, hash, goesOn);
    } finally {
      if (!hashed) yield* part.keep(part.start, true, false);
    }
    if (hashed) return undefined;
    return isClosing() ? err('shutting-down') : err('upload-taken');
  }

  function* resume(key: string): Task<Outcome<UploadOffset>> {
    yield* takeOver(key);
    const found = yield* kept.find(key);
    const there = found === undefined ? undefined : yield* kept.secure(found);
    return ok({ offset: there?.length ?? 0, crc32: there?.crc32 ?? 0 });
  }

  function* cancel(key: string): Task<Outcome<void>> {
    const wasHeld = yield* takeOver(key, false);
    const wasKept = yield* kept.drop(key);
    return wasHeld || wasKept ? okVoid : err('not-found', 'there is nothing of such an upload');
  }

  function* sweep(): Task<Outcome<void>> {
    yield* kept.sweep(clock.now() - limits.keepPartial, lock.run);
    return okVoid;
  }

  return {
    begin: (key, options, hold) => alone(key, () => begin(key, options, hold)),
    resume: (key) => alone(key, () => resume(key)),
    cancel: (key) => alone(key, () => cancel(key)),
    ended: (key) => void held.delete(key),
    unfinished() {
      let bytes = 0;
      for (const { length } of kept.known.values()) bytes += length;
      for (const { written } of held.values()) bytes += written;
      return { count: count(), bytes };
    },
    close: stopLooking,
  };
}

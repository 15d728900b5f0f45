/**
 * What the worker of a disk store does with a small file: it makes the system's calls, and says what came of them. It
 * decides nothing. Whatever is unusual it undoes, and the event loop then stores the file as if there were no worker.
 *
 * ```text
 *  open, write, fstat, close    of the staged file           fails: the staged file is removed, `isStored` is 0
 *  lstat                        of the name                  a folder, a link, or a file that takes long to free: likewise
 *  rename, or link and unlink   gives the file its name      fails: likewise
 * ```
 *
 * A worker gets the source text of the functions here, so they use nothing from outside of themselves.
 */
import type { Stats } from 'node:fs';
import type { FileSystem } from '../file-system.ts';
import type { Layout, SharedSlots } from './slot-layout.ts';

/** What a worker needs to know, as plain data. */
export interface WorkerDuty {
  readonly slots: SharedSlots;
  readonly layout: Layout;
  /** The flags with which a staged file is made. */
  readonly createFlags: number;
  /** A file of more bytes is not replaced here: others would wait until it is freed. */
  readonly replacedMax: number;
}

/**
 * Makes the function that takes the next call, if one is published, and does it. It returns whether there was one.
 *
 * @param tell called when the event loop has to be told that calls are done.
 */
export function workerCalls(duty: WorkerDuty, fs: FileSystem, tell: () => void): () => boolean {
  const { slots, layout, createFlags, replacedMax } = duty;
  const { control, order, numbers, texts, contents } = slots;
  const { published, done, told } = layout.control;
  const at = layout.numbers;
  let count = 0;

  return () => {
    if (Atomics.load(control, published) === count) return false;
    const slot = order[count & (layout.slots - 1)]!;
    numbers[slot]![at.isStored] = store(slot) ? 1 : 0;
    count = (count + 1) | 0;
    Atomics.store(control, done, count);
    if (Atomics.exchange(control, told, 1) === 0) tell();
    return true;
  };

  /** Stores the file of a slot. Returns whether it did; if not, nothing is left of it. */
  function store(slot: number): boolean {
    const values = numbers[slot]!;
    const [staged, target] = pathsOf(slot);
    let fd = -1;
    let isMade = false;
    try {
      fd = fs.openSync(staged, createFlags, 0o666);
      isMade = true;
      const size = values[at.size]!;
      if (size > 0 && fs.writevSync(fd, [contents[slot]!.subarray(0, size)], 0) !== size)
        throw new Error('a short write');
      const time = values[at.time]!;
      if (!Number.isNaN(time)) fs.futimesSync(fd, time, time);
      const file = fs.fstatSync(fd);
      const written = fd;
      fd = -1;
      fs.closeSync(written);
      if (publish(staged, target, values)) {
        answer(values, file);
        return true;
      }
    } catch {
      // Whatever it was: the loop meets it again, and knows what it means.
    }
    if (fd !== -1) quietly(() => fs.closeSync(fd));
    if (isMade) quietly(() => fs.unlinkSync(staged));
    return false;
  }

  function pathsOf(slot: number): [string, string] {
    const values = numbers[slot]!;
    const { buffer, byteOffset } = texts[slot]!;
    const text = Buffer.from(buffer, byteOffset, layout.textBytes);
    const end = values[at.stagedLength]!;
    return [text.toString('utf8', 0, end), text.toString('utf8', end, end + values[at.targetLength]!)];
  }

  function publish(staged: string, target: string, values: Float64Array): boolean {
    const there = fs.lstatSync(target, { throwIfNoEntry: false });
    if (there !== undefined && (!there.isFile() || there.size > replacedMax)) return false;
    if (values[at.ifAbsent] === 1) {
      if (there !== undefined) return false;
      fs.linkSync(staged, target);
      quietly(() => fs.unlinkSync(staged));
    } else fs.renameSync(staged, target);
    values[at.replaced] = there?.size ?? 0;
    return true;
  }

  function answer(values: Float64Array, file: Stats): void {
    values[at.ino] = file.ino;
    values[at.mtimeMs] = file.mtimeMs;
    values[at.ctimeMs] = file.ctimeMs;
    values[at.storedAt] = Date.now();
  }

  function quietly(act: () => void): void {
    try {
      act();
    } catch {
      // A staged file that cannot be removed now is removed with its folder.
    }
  }
}

/** Does the calls that are published, and sleeps while there are none, until `stop`. */
export function runWorker(duty: WorkerDuty, doNext: () => boolean): void {
  const { control } = duty.slots;
  const { bell, asleep, stop } = duty.layout.control;
  for (;;) {
    const before = Atomics.load(control, bell);
    while (doNext());
    if (Atomics.load(control, stop) === 1) return;
    Atomics.store(control, asleep, 1);
    // At once, when the bell has rung meanwhile.
    Atomics.wait(control, bell, before);
    Atomics.store(control, asleep, 0);
  }
}

/**
 * A file system in memory that remembers every operation, so that a test can have it as it was after any byte that was
 * written: as a process that was killed leaves it, or a power cut.
 */
import type { Dirent, Stats } from 'node:fs';
import type { FileSystem } from '../../../src/store/disk/file-system.ts';

type Operation =
  | { readonly type: 'create'; readonly path: string; readonly file: number }
  | { readonly type: 'write'; readonly file: number; readonly at: number; readonly bytes: Buffer }
  | { readonly type: 'truncate'; readonly file: number; readonly length: number }
  | { readonly type: 'sync'; readonly file: number }
  | { readonly type: 'unlink'; readonly path: string }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  /** A name of the store's own root has a file of this number now; 0: it has none. */
  | { readonly type: 'file'; readonly path: string; readonly ino: number };

interface Image {
  readonly names: Map<string, number>;
  readonly contents: Map<number, Buffer>;
  readonly files: Map<string, number>;
}

export interface CrashFs {
  readonly fs: FileSystem;
  /** Operations so far. */
  readonly length: () => number;
  /** Gives a name of the root to a file of another number, or takes it away with 0. */
  readonly setFile: (path: string, ino: number) => void;
  /** The number of the file that has a name, at the end of so many operations. */
  readonly fileAt: (path: string, operations: number) => number;
  /**
   * The file system after so many operations and a part of the next one.
   *
   * @param cut which part of the bytes of the next one is there, from 0 to 1.
   * @param isPowerCut whether of what was not synced the same part alone is there.
   */
  readonly crashed: (operations: number, cut: number, isPowerCut: boolean) => CrashFs;
}

const missing = (path: string) =>
  Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT', syscall: 'open' });

const emptyImage = (): Image => ({ names: new Map(), contents: new Map(), files: new Map() });

const copyOf = ({ names, contents, files }: Image): Image => ({
  names: new Map(names),
  contents: new Map([...contents].map(([file, bytes]) => [file, Buffer.from(bytes)])),
  files: new Map(files),
});

function apply({ names, contents, files }: Image, operation: Operation): void {
  switch (operation.type) {
    case 'create':
      names.set(operation.path, operation.file);
      contents.set(operation.file, Buffer.alloc(0));
      return;
    case 'write': {
      const before = contents.get(operation.file)!;
      const size = Math.max(before.length, operation.at + operation.bytes.length);
      const after = Buffer.alloc(size);
      before.copy(after);
      operation.bytes.copy(after, operation.at);
      contents.set(operation.file, after);
      return;
    }
    case 'truncate':
      contents.set(operation.file, contents.get(operation.file)!.subarray(0, operation.length));
      return;
    case 'unlink':
      names.delete(operation.path);
      return;
    case 'rename':
      names.set(operation.to, names.get(operation.from)!);
      names.delete(operation.from);
      return;
    case 'file':
      files.set(operation.path, operation.ino);
  }
}

/** The beginning of what a write writes. */
const cutOff = (operation: Operation, cut: number): Operation =>
  operation.type === 'write'
    ? { ...operation, bytes: operation.bytes.subarray(0, Math.floor(operation.bytes.length * cut)) }
    : operation;

export function createCrashFs(start: Image = emptyImage(), firstFile = 1): CrashFs {
  const now = copyOf(start);
  const begun = copyOf(start);
  const operations: Operation[] = [];
  const folders = new Set<string>(['/root']);
  const descriptors = new Map<number, { readonly path: string; readonly file: number }>();
  let nextFile = firstFile;
  let nextFd = 10;

  const act = (operation: Operation): void => {
    operations.push(operation);
    apply(now, operation);
  };
  const isFolder = (path: string) => folders.has(path) || /\/(\.|\.sluice|changes)$/.test(path);
  const fileOf = (fd: number): number => descriptors.get(fd)!.file;

  function openSync(path: string, flags: number): number {
    const isNew = (flags & 0o100) !== 0;
    const fd = nextFd++;
    if (!isFolder(path)) {
      const known = now.names.get(path);
      if (known === undefined && !isNew) throw missing(path);
      if (known !== undefined && isNew) act({ type: 'truncate', file: known, length: 0 });
      if (known === undefined) act({ type: 'create', path, file: nextFile++ });
    }
    descriptors.set(fd, { path, file: now.names.get(path) ?? 0 });
    return fd;
  }

  function writevSync(fd: number, chunks: readonly Uint8Array[], at: number): number {
    const bytes = Buffer.concat(chunks);
    act({ type: 'write', file: fileOf(fd), at, bytes });
    return bytes.length;
  }

  function lstat(path: string): Stats {
    const name = path.replace(/^\/root\/+/, '');
    const ino = now.files.get(name) ?? 0;
    if (ino === 0) throw missing(path);
    return { ino, mtimeMs: 0 } as Stats;
  }

  function readdir(path: string): Dirent[] {
    const prefix = path.replace(/\/\.$/, '/');
    const names = [...now.names.keys()].filter((name) => name.startsWith(prefix));
    return names.map((name) => ({ name: name.slice(prefix.length) }) as Dirent);
  }

  /** A call of the system, which answers in a later turn. */
  const later =
    <A extends unknown[], T>(call: (...given: A) => T) =>
    (...given: [...A, (error: Error | null, value?: T) => void]): void => {
      const callback = given.at(-1) as (error: Error | null, value?: T) => void;
      setImmediate(() => {
        try {
          callback(null, call(...(given.slice(0, -1) as A)));
        } catch (error) {
          callback(error as Error);
        }
      });
    };

  const mkdirSync = (path: string) => {
    if (folders.has(path)) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST', syscall: 'mkdir' });
    folders.add(path);
  };
  const unlinkSync = (path: string) => {
    if (!now.names.has(path)) {
      const name = path.replace(/^\/root\/+/, '');
      if (!now.files.get(name)) throw missing(path);
      return act({ type: 'file', path: name, ino: 0 });
    }
    act({ type: 'unlink', path });
  };
  const fs = {
    openSync,
    open: later((path: string, flags: number) => openSync(path, flags)),
    closeSync: () => {},
    read: later((fd: number, into: Uint8Array, offset: number, length: number, position: number) =>
      now.contents.get(fileOf(fd))!.copy(into, offset, position, position + length),
    ),
    writevSync,
    writev: later(writevSync),
    fsync: later((fd: number) => act({ type: 'sync', file: fileOf(fd) })),
    fdatasync: later((fd: number) => act({ type: 'sync', file: fileOf(fd) })),
    fstatSync: (fd: number) => ({ size: now.contents.get(fileOf(fd))?.length ?? 0, nlink: 1 }) as Stats,
    ftruncate: later((fd: number, length: number) => act({ type: 'truncate', file: fileOf(fd), length })),
    lstat: later(lstat),
    mkdirSync,
    mkdir: later(mkdirSync),
    unlink: later(unlinkSync),
    rename: later((from: string, to: string) => act({ type: 'rename', from, to })),
    readdir: later(readdir),
    readlinkSync: () => {
      throw missing('/proc');
    },
    realpathSync: (path: string) => path,
  };

  function imageAt(count: number, cut: number, isPowerCut: boolean): Image {
    const image = copyOf(begun);
    const end = operations.slice(0, count);
    const next = operations[count];
    if (next?.type === 'write') end.push(cutOff(next, cut));
    const synced = new Map<number, number>();
    for (const [i, operation] of end.entries()) if (operation.type === 'sync') synced.set(operation.file, i);
    for (const [i, operation] of end.entries()) {
      const isUnsure = isPowerCut && operation.type === 'write' && i > (synced.get(operation.file) ?? -1);
      apply(image, isUnsure ? cutOff(operation, cut) : operation);
    }
    return image;
  }

  return {
    fs: fs as unknown as FileSystem,
    length: () => operations.length,
    setFile: (path, ino) => act({ type: 'file', path, ino }),
    fileAt: (path, count) => imageAt(count, 0, false).files.get(path) ?? 0,
    crashed: (count, cut, isPowerCut) => createCrashFs(imageAt(count, cut, isPowerCut), nextFile),
  };
}

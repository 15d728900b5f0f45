/** A file system that calls the test before and after each operation. The test can make any of them fail. */
import { type FileSystem, nodeFileSystem, type OpenFolder } from '../../../src/store/disk/file-system.ts';

export interface Operation {
  /**
   * The name of the function without `Sync`: `open`, `rename`, …. For a folder that was opened with `opendir`:
   * `readEntries` and `closeFolder`.
   */
  readonly name: string;
  readonly args: readonly unknown[];
  /** The number of operations before this one. */
  readonly number: number;
}

export interface Interception {
  /** Called before each operation. If it returns a code (`'ENOSPC'`), the operation fails with that code. */
  readonly before?: (operation: Operation) => string | undefined;
  /** Called after each operation that succeeded, before the store gets the result. */
  readonly after?: (operation: Operation, result: unknown) => void;
  /** Called before each operation. If it returns a number, a write writes only so many bytes. */
  readonly writeLimit?: (operation: Operation) => number | undefined;
  /** Called before each entry of a folder is read, with the path by which the folder was opened. */
  readonly beforeEntry?: (path: string) => void;
}

export const systemError = (code: string, syscall: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: injected, ${syscall} '/secret/path'`), { code, syscall, errno: -1 });

/** An operation as text for a message, without the bytes that it writes. */
export const describeOperation = ({ name, args, number }: Operation): string =>
  `${name}(${args.map((arg) => (typeof arg === 'object' ? '…' : String(arg))).join(', ')}), operation ${number}`;

type AnyFunction = (...args: unknown[]) => unknown;

export function interceptedFileSystem({ before, after, writeLimit, beforeEntry }: Interception): FileSystem {
  let number = 0;

  const intercept = (key: string, original: AnyFunction, undo?: () => void): AnyFunction => {
    const name = key.replace(/Sync$/, '');
    return (...given) => {
      const callback = key.endsWith('Sync') ? undefined : (given.at(-1) as AnyFunction);
      const args = callback === undefined ? given : given.slice(0, -1);
      const operation = { name, args, number: number++ };
      const code = before?.(operation);
      if (code !== undefined) {
        // A `close` that fails still closes. No other operation that fails has an effect.
        if (name === 'close') nodeFileSystem.closeSync(args[0] as number);
        undo?.();
        const error = systemError(code, name);
        if (callback === undefined) throw error;
        setImmediate(callback, error);
        return undefined;
      }
      const limit = writeLimit?.(operation);
      if (limit !== undefined && name === 'writev') args[1] = firstBytes(args[1] as Uint8Array[], limit);
      if (callback === undefined) {
        const result = original(...args);
        after?.(operation, result);
        return name === 'opendir' ? interceptedFolder(result as OpenFolder, args[0] as string) : result;
      }
      return original(...args, (error: unknown, ...results: unknown[]) => {
        const isDone = error === null || error === undefined;
        if (isDone) after?.(operation, results[0]);
        if (isDone && name === 'opendir')
          results[0] = interceptedFolder(results[0] as OpenFolder, args[0] as string);
        callback(error, ...results);
      });
    };
  };

  function interceptedFolder(folder: OpenFolder, path: string): OpenFolder {
    const read = intercept('readEntries', folder.read.bind(folder) as AnyFunction);
    const close = folder.closeSync.bind(folder);
    return {
      read(callback) {
        beforeEntry?.(path);
        read(callback);
      },
      readSync() {
        beforeEntry?.(path);
        return folder.readSync();
      },
      closeSync: intercept('closeFolderSync', close, close) as OpenFolder['closeSync'],
    };
  }

  return new Proxy(nodeFileSystem, {
    get: (target, key: keyof FileSystem & string) => intercept(key, target[key] as AnyFunction),
  });
}

/** The first `count` bytes of the chunks. */
function firstBytes(chunks: readonly Uint8Array[], count: number): Uint8Array[] {
  const first: Uint8Array[] = [];
  let left = count;
  for (const chunk of chunks) {
    first.push(chunk.subarray(0, left));
    left -= Math.min(left, chunk.length);
    if (left === 0) break;
  }
  return first;
}

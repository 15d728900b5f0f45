/** The file system with a test in between: it sees every operation, and can make any of them fail. */
import { type FileSystem, nodeFileSystem, type OpenFolder } from '../../../src/store/disk/file-system.ts';

/**
 * An operation, by its name without `Sync`: `open`, `rename`, …; of a folder that was opened with `opendir`,
 * `readEntries` and `closeFolder`.
 */
export interface Operation {
  readonly name: string;
  readonly args: readonly unknown[];
  /** How many operations came before it. */
  readonly number: number;
}

export interface Interception {
  /** Called before each operation; what it returns (`'ENOSPC'`) is what the operation fails with. */
  readonly before?: (operation: Operation) => string | undefined;
  /** Called after each, when it succeeded, before whoever asked for it hears so. */
  readonly after?: (operation: Operation, result: unknown) => void;
  /** Gives the outcome of a write another length than was written; for short writes. */
  readonly atMost?: (operation: Operation) => number | undefined;
  /** Called before each entry of a folder is read, with the path by which it was opened. */
  readonly entry?: (path: string) => void;
}

export const systemError = (code: string, syscall: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: injected, ${syscall} '/secret/path'`), { code, syscall, errno: -1 });

/** An operation in words, for a message: without the bytes that it writes. */
export const describeOperation = ({ name, args, number }: Operation): string =>
  `${name}(${args.map((arg) => (typeof arg === 'object' ? '…' : String(arg))).join(', ')}), operation ${number}`;

type AnyFunction = (...args: unknown[]) => unknown;

export function interceptedFileSystem({ before, after, atMost, entry }: Interception): FileSystem {
  let number = 0;

  const intercept = (key: string, original: AnyFunction, undo?: () => void): AnyFunction => {
    const name = key.replace(/Sync$/, '');
    return (...given) => {
      const back = key.endsWith('Sync') ? undefined : (given.at(-1) as AnyFunction);
      const args = back === undefined ? given : given.slice(0, -1);
      const operation = { name, args, number: number++ };
      const code = before?.(operation);
      if (code !== undefined) {
        // A failing close closes all the same; nothing else that fails has an effect.
        if (name === 'close') nodeFileSystem.closeSync(args[0] as number);
        undo?.();
        const error = systemError(code, name);
        if (back === undefined) throw error;
        setImmediate(back, error);
        return undefined;
      }
      const most = atMost?.(operation);
      if (most !== undefined && name === 'writev') args[1] = firstBytes(args[1] as Uint8Array[], most);
      if (back === undefined) {
        const result = original(...args);
        after?.(operation, result);
        return name === 'opendir' ? interceptedFolder(result as OpenFolder, args[0] as string) : result;
      }
      return original(...args, (error: unknown, ...results: unknown[]) => {
        const isDone = error === null || error === undefined;
        if (isDone) after?.(operation, results[0]);
        if (isDone && name === 'opendir')
          results[0] = interceptedFolder(results[0] as OpenFolder, args[0] as string);
        back(error, ...results);
      });
    };
  };

  function interceptedFolder(folder: OpenFolder, path: string): OpenFolder {
    const read = intercept('readEntries', folder.read.bind(folder) as AnyFunction);
    const close = folder.closeSync.bind(folder);
    return {
      read(back) {
        entry?.(path);
        read(back);
      },
      readSync() {
        entry?.(path);
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

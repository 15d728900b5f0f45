/** Loads a folder's files into a memory store: the files that the server had when the recording began. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { RESERVED_FOLDER } from '../../files/protocol/filename.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import { type MemoryStore, memoryStore } from '../../store/memory/memory-store.ts';
import { exitError, usageError } from '../shared/exit-error.ts';
import { exitStatus } from '../shared/exit-status.ts';
import { printable } from '../shared/format.ts';

/** Throws an `ExitError` for a file that cannot be read or may not be stored. Only memory bounds the size. */
export async function loadFolder(folder: string | undefined): Promise<MemoryStore> {
  const store = memoryStore();
  if (folder === undefined) return store;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      throw usageError(`--with ${printable(folder)} cannot be read: ${systemWords(error, 'read')}`);
    },
  );
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).split(sep).join('/');
    if (!entry.isFile() || name.startsWith(`${RESERVED_FOLDER}/`)) continue;
    await storeFile(store, name, path);
  }
  return store;
}

async function storeFile(store: MemoryStore, name: string, path: string): Promise<void> {
  const failed = (why: string) => exitError(exitStatus.failed, `${printable(path)} cannot be stored: ${why}`);
  const { size, mtimeMs } = await stat(path).catch((error) => {
    throw failed(systemWords(error, 'read'));
  });
  const begun = await store.put(name, { size, mtime: Math.trunc(mtimeMs) });
  if (!begun.ok) throw failed(begun.error.message);
  try {
    for await (const chunk of createReadStream(path)) await begun.value.write([chunk]);
  } catch (error) {
    throw failed(systemWords(error, 'read'));
  }
  const stored = await begun.value.commit();
  if (!stored.ok) throw failed(stored.error.message);
}

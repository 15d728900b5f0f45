/** Loads a folder's files into a memory store: the files that a server had when a recording of it began. */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { RESERVED_FOLDER } from '../../files/protocol/filename.ts';
import { systemWords } from '../../files/protocol/system-words.ts';
import { type MemoryStore, memoryStore } from './memory-store.ts';

/** Makes what is thrown. @param what `folder`: it cannot be read; `file`: one in it cannot be stored. */
export type FolderError = (what: 'folder' | 'file', path: string, why: string) => unknown;

/** Only memory bounds the size. Throws what `failed` makes. */
export async function loadFolder(folder: string | undefined, failed: FolderError): Promise<MemoryStore> {
  const store = memoryStore();
  if (folder === undefined) return store;
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw failed('folder', folder, systemWords(error, 'read'));
  });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path).split(sep).join('/');
    if (!entry.isFile() || name.startsWith(`${RESERVED_FOLDER}/`)) continue;
    await storeFile(store, name, path, (why) => failed('file', path, why));
  }
  return store;
}

async function storeFile(
  store: MemoryStore,
  name: string,
  path: string,
  failed: (why: string) => unknown,
): Promise<void> {
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

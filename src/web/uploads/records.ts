/**
 * What is remembered of unfinished uploads, in the browser's IndexedDB: it outlives the page and the browser. Nothing of
 * a content is in it. Where the browser refuses it, as in a private window, uploads work and do not outlive the page.
 *
 * A record belongs to the tab that wrote it last, and that is alive as long as it holds the lock of its name.
 */
import type { Source } from './entry.ts';
import type { RememberedFile } from './queue-state.ts';

const DATABASE = 'sluice-uploads';
const STORE = 'unfinished';
/** The account, the name, the size and the time: as IndexedDB orders keys, those of an account are together. */
type Key = [string, string, number, number];

interface StoredRecord extends RememberedFile {
  readonly account: string;
  readonly tab: string;
}

export interface Records {
  /** Whether the browser keeps them. */
  readonly survives: boolean;
  /** Those of an account. */
  readonly all: () => Promise<readonly StoredRecord[]>;
  readonly has: (source: Source) => Promise<boolean>;
  readonly put: (files: readonly RememberedFile[]) => Promise<void>;
  readonly remove: (sources: readonly Source[]) => Promise<void>;
  readonly close: () => void;
}

const NOTHING: Records = {
  survives: false,
  all: async () => [],
  has: async () => true,
  put: async () => {},
  remove: async () => {},
  close: () => {},
};

/** Never rejects: where there is no database, nothing is remembered. */
export async function openRecords(account: string, tab: string): Promise<Records> {
  try {
    const database = await opened();
    return recordsIn(database, account, tab);
  } catch {
    return NOTHING;
  }
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore(STORE, { keyPath: ['account', 'source', 'size', 'modified'] });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another page holds an older database'));
  });
}

function recordsIn(database: IDBDatabase, account: string, tab: string): Records {
  const keyOf = ({ source, size, modified }: Source): Key => [account, source, size, modified];
  const change = async (by: (store: IDBObjectStore) => void): Promise<void> => {
    const transaction = database.transaction(STORE, 'readwrite', { durability: 'relaxed' });
    by(transaction.objectStore(STORE));
    await ended(transaction);
  };
  const read = async <T>(by: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const request = by(database.transaction(STORE, 'readonly').objectStore(STORE));
    await ended(request.transaction!);
    return request.result;
  };
  return {
    survives: true,
    all: () => read((store) => store.getAll(IDBKeyRange.bound([account], [account, []]))),
    has: async (source) => (await read((store) => store.getKey(keyOf(source)))) !== undefined,
    put: (files) =>
      change((store) => {
        for (const file of files) store.put({ ...file, account, tab });
      }),
    remove: (sources) =>
      change((store) => {
        for (const source of sources) store.delete(keyOf(source));
      }),
    close: () => database.close(),
  };
}

const ended = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });

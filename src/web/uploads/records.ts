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
  readonly survives: Promise<boolean>;
  /** Those of the account, whichever tab has written them. */
  readonly all: () => Promise<readonly StoredRecord[]>;
  /** Whether an upload is remembered still; true where nothing is remembered. */
  readonly has: (source: Source) => Promise<boolean>;
  readonly put: (files: readonly RememberedFile[]) => Promise<void>;
  readonly remove: (sources: readonly Source[]) => Promise<void>;
  readonly close: () => void;
}

/** @param tab the name of this one. */
export function openRecords(account: string, tab: string): Records {
  const keyOf = ({ source, size, modified }: Source): Key => [account, source, size, modified];
  const database = opened().catch(() => null);
  const change = batching(async (changes: readonly Change[]) => {
    const transaction = (await database)?.transaction(STORE, 'readwrite', { durability: 'relaxed' });
    if (transaction === undefined) return;
    for (const by of changes) by(transaction.objectStore(STORE));
    await ended(transaction);
  });
  const read = async <T>(by: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> => {
    const transaction = (await database)?.transaction(STORE, 'readonly');
    if (transaction === undefined) return null;
    const request = by(transaction.objectStore(STORE));
    await ended(transaction);
    return request.result;
  };
  return {
    survives: database.then((it) => it !== null),
    all: async () =>
      (await read<StoredRecord[]>((store) => store.getAll(IDBKeyRange.bound([account], [account, []])))) ??
      [],
    has: async (source) => (await read((store) => store.count(keyOf(source)))) !== 0,
    put: (files) =>
      change((store) => {
        for (const file of files) store.put({ ...file, account, tab });
      }),
    remove: (sources) =>
      change((store) => {
        for (const source of sources) store.delete(keyOf(source));
      }),
    close: () => void database.then((it) => it?.close()),
  };
}

type Change = (store: IDBObjectStore) => void;

/**
 * Carries out together what comes while the one before is carried out: a transaction takes milliseconds, and there may be
 * thousands of files.
 */
function batching<T>(run: (all: readonly T[]) => Promise<void>): (one: T) => Promise<void> {
  let waiting: T[] = [];
  let last = Promise.resolve();
  let next: Promise<void> | null = null;
  return (one) => {
    waiting.push(one);
    next ??= last.then(() => {
      const now = waiting;
      [waiting, next] = [[], null];
      const running = run(now);
      last = running.catch(() => {});
      return running;
    });
    return next;
  };
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

const ended = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });

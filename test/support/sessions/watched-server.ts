/** A server over connections in memory that pages watch. */
import { Subject, type Subscription } from 'rxjs';
import { onTestFinished } from 'vitest';
import { framed } from '../../../src/actor/framed/framed.ts';
import type { WatchConnections, WatchMessage } from '../../../src/files/protocol/watching.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import { createObserver, type Observer, type ObserverOptions } from '../../../src/server/observe/observer.ts';
import { serveWith } from '../../../src/server/serve.ts';
import type { ServerStats } from '../../../src/server/status.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import { type MemoryStore, memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';
import { delimited } from '../../../src/wire/codecs/delimited.ts';
import { jsonMessages } from '../../../src/wire/codecs/messages.ts';

export interface WatchedServer {
  readonly observer: Observer;
  readonly connect: () => Connection;
  /** A page that watches: the messages that it has got, and how it ends. */
  readonly page: (mayWatch?: () => boolean, how?: { readonly isSlow?: boolean }) => Page;
}

export interface Page {
  readonly connection: Connection;
  readonly messages: WatchMessage[];
  readonly over: Promise<void>;
  /** Begins to read, when it is slow: others read from the beginning. */
  readonly read: () => void;
}

const codec = jsonMessages(delimited(Uint8Array.of(10), { maxLength: 4 * 1024 * 1024 }));

export function watchedServer(
  options: Partial<ObserverOptions> & { readonly store?: FileStore } = {},
): WatchedServer {
  const { store = memoryStore() as MemoryStore } = options;
  const connections$ = new Subject<ListenEvent>();
  const events$ = new Subject<ServerEvent>();
  let read = (): ServerStats => ({ connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 });
  const stats = (reader: () => ServerStats): void => {
    read = reader;
  };
  const observer = createObserver({
    events$,
    shutdown$: new Subject(),
    stats: () => read(),
    limits: { connections: 100, memory: defaultLimits.budget.high },
    onInternalError: (thrown) => {
      throw thrown;
    },
    ...options,
  });
  const serving: Subscription = serveWith(
    { connections$, store, limits: { connections: 20_000 }, stats },
    { registry: observer.registry },
  ).subscribe(events$);
  connections$.next({ type: 'listening', address: 'memory', port: 0 });
  onTestFinished(() => {
    observer.stop();
    serving.unsubscribe();
  });
  const accept = (give: (ours: Connection) => void): Connection => {
    const [theirs, ours] = memoryPair();
    give(ours);
    return theirs;
  };
  return {
    observer,
    connect: () => accept((connection) => connections$.next({ type: 'connection', connection })),
    page: (mayWatch, { isSlow = false } = {}) => {
      const connection = accept((ours) => observer.watch(ours, mayWatch));
      const messages: WatchMessage[] = [];
      let read = (): void => {};
      const reading = new Promise<void>((resolve) => {
        read = resolve;
      });
      if (!isSlow) read();
      const over = reading.then(() => readAll(connection, messages));
      return { connection, messages, over, read };
    },
  };
}

const readAll = (connection: Connection, messages: WatchMessage[]): Promise<void> =>
  new Promise((resolve) => {
    framed(connection, codec).messages$.subscribe({
      next: (message) => messages.push(message as WatchMessage),
      complete: resolve,
      error: () => resolve(),
    });
  });

export const ofType = <T extends WatchMessage['type']>(messages: readonly WatchMessage[], type: T) =>
  messages.filter((message): message is Extract<WatchMessage, { type: T }> => message.type === type);

/** The table of a page that keeps to the rules of `WatchConnections`. */
export function tableOf(messages: readonly WatchMessage[]) {
  const rows = new Map<string, WatchConnections['rows'][number]>();
  let seen: Set<string> | null = null;
  for (const { rows: changed, gone, pass } of ofType(messages, 'connections')) {
    if (pass === 'begins' || pass === 'all') seen = new Set();
    for (const row of changed) {
      rows.set(row.id, row);
      seen?.add(row.id);
    }
    for (const id of gone) rows.delete(id);
    if ((pass === 'ends' || pass === 'all') && seen !== null) {
      for (const id of rows.keys()) if (!seen.has(id)) rows.delete(id);
      seen = null;
    }
  }
  return rows;
}

/** The page of a server in this process, whose other connections are in memory: as many as a test wants. */
import { join } from 'node:path';
import { merge, Subject } from 'rxjs';
import { anonymous } from '../../../src/files/protocol/access.ts';
import type { ServerEvent } from '../../../src/server/event.ts';
import { defaultLimits } from '../../../src/server/limits.ts';
import { createObserver } from '../../../src/server/observe/observer.ts';
import { serveWith } from '../../../src/server/serve.ts';
import type { ServerStats } from '../../../src/server/status.ts';
import { createWebServer } from '../../../src/server/web/web-server.ts';
import { memoryStore } from '../../../src/store/memory/memory-store.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';

const PAGE = join(import.meta.dirname, '../../../dist/web');

export interface WatchedPage {
  readonly url: string;
  readonly connect: () => Connection;
  readonly end: () => void;
}

export async function watchedPage(): Promise<WatchedPage> {
  const connections$ = new Subject<ListenEvent>();
  const events$ = new Subject<ServerEvent>();
  let read = (): ServerStats => ({ connections: 0, requests: 0, received: 0, sent: 0, unsettled: 0 });
  const observer = createObserver({
    events$,
    shutdown$: new Subject(),
    stats: () => read(),
    limits: { connections: 20_000, memory: defaultLimits.budget.high },
  });
  const web = createWebServer({
    host: '127.0.0.1',
    port: 0,
    pageDir: PAGE,
    sockets: 64,
    observer: (connection) => observer.watch(connection, () => anonymous.rights.includes('observe')),
    onInternalError: (thrown) => {
      throw thrown;
    },
  });
  const listening = new Promise<string>((resolve) => {
    events$.subscribe((event) => {
      if (event.type === 'listening') resolve(event.address);
    });
  });
  const serving = serveWith(
    {
      connections$: merge(web.connections$, connections$),
      store: memoryStore(),
      limits: { connections: 20_000 },
      stats: (reader) => {
        read = reader;
      },
    },
    { registry: observer.registry },
  ).subscribe(events$);
  return {
    url: await listening,
    connect: () => {
      const [theirs, ours] = memoryPair();
      connections$.next({ type: 'connection', connection: ours });
      return theirs;
    },
    end: () => {
      observer.stop();
      serving.unsubscribe();
      web.close();
    },
  };
}

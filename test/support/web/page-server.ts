/** The page as it is built, and the file server behind it, which can be ended and begun again at the same address. */
import { join } from 'node:path';
import { BehaviorSubject, filter, firstValueFrom, Subject, share } from 'rxjs';
import type { Access } from '../../../src/files/effects/access.ts';
import { anonymous, type Principal } from '../../../src/files/protocol/access.ts';
import { serve } from '../../../src/server/serve.ts';
import { createWebServer } from '../../../src/server/web/web-server.ts';
import type { FileStore } from '../../../src/store/contract.ts';

export interface PageServer {
  readonly url: string;
  readonly port: number;
  /** Whoever comes is this from now on, and whoever is there already as well. */
  readonly become: (principal: Partial<Principal>) => void;
  /** Drops all connections, and listens no more. */
  readonly stop: () => Promise<void>;
  /** Listens again, where it did before. */
  readonly start: () => Promise<void>;
}

const PAGE = join(import.meta.dirname, '../../../dist/web');

export async function pageServer(store: FileStore, first: Partial<Principal> = {}): Promise<PageServer> {
  const principal$ = new BehaviorSubject<Principal>({ ...anonymous, ...first });
  const access: Access = {
    initial: () => principal$.value,
    byToken: () => null,
    current: () => principal$.value,
    changed$: principal$,
  };
  let port = 0;
  let stop = async (): Promise<void> => {};

  async function start(): Promise<void> {
    const web = createWebServer({
      host: '127.0.0.1',
      port,
      sockets: 64,
      pageDir: PAGE,
      onInternalError: (thrown) => console.error(thrown),
    });
    const events$ = serve({ connections$: web.connections$, store, access }).pipe(
      share({ connector: () => new Subject() }),
    );
    const serving = events$.subscribe();
    stop = async () => {
      web.close();
      serving.unsubscribe();
    };
    ({ port } = await firstValueFrom(events$.pipe(filter((event) => event.type === 'listening'))));
  }

  await start();
  return {
    url: `http://127.0.0.1:${port}/`,
    port,
    become: (principal) => principal$.next({ ...principal$.value, ...principal }),
    start,
    stop: () => stop(),
  };
}

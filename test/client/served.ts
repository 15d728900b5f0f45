/** A client, and a server on the other end of a connection in memory: a real one, or one that a test plays itself. */
import { concat, NEVER, of, Subject } from 'rxjs';
import { type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import type { Command } from '../../src/files/session/command.ts';
import { commands, requestFraming } from '../../src/files/session/dispatch.ts';
import { serve } from '../../src/server/serve.ts';
import type { FileStore } from '../../src/store/contract.ts';
import { memoryStore } from '../../src/store/memory/memory-store.ts';
import type { Connection } from '../../src/transport/connection.ts';
import { memoryPair } from '../../src/transport/memory/memory-pair.ts';
import { deframe } from '../../src/wire/deframe/deframe.ts';
import { encodeJsonHeader, type JsonHeader } from '../../src/wire/json-header.ts';

/** A client of a real server over a store in memory; with commands, of one that serves these too. */
export function served(
  options?: ClientOptions,
  own: readonly Command[] = [],
): { client: Client; store: FileStore; here: Connection } {
  const [here, there] = memoryPair();
  const store = memoryStore();
  const connections$ = concat(of({ type: 'connection', connection: there } as const), NEVER);
  serve({ connections$, store, commands: [...commands, ...own], limits: { linger: 100 } }).subscribe();
  return { client: createClient(here, options), store, here };
}

/** A request that arrived at a played server. */
export interface Request {
  readonly header: JsonHeader;
  body: number;
  whole: boolean;
}

export interface Played {
  readonly client: Client;
  readonly here: Connection;
  readonly there: Connection;
  readonly requests: readonly Request[];
  /** Resolves when so many requests have begun to arrive. */
  readonly begun: (count: number) => Promise<void>;
  /** Resolves when so many requests have arrived whole. */
  readonly arrived: (count: number) => Promise<void>;
  readonly reply: (header: JsonHeader, body?: Uint8Array) => void;
}

/** A client, and a server that only takes requests down. */
export function played(options?: ClientOptions): Played {
  const [here, there] = memoryPair();
  const requests: Request[] = [];
  const changed$ = new Subject<void>();
  there.chunks$.pipe(deframe(requestFraming())).subscribe({
    next: (event) => {
      const last = requests.at(-1);
      if (event.type === 'start') requests.push({ header: event.header, body: 0, whole: false });
      else if (event.type === 'data' && last) last.body += event.bytes.length;
      else if (event.type === 'end' && last) last.whole = true;
      changed$.next();
    },
    error: () => {},
  });
  const until = (reached: () => boolean) =>
    new Promise<void>((resolve) => {
      if (reached()) return resolve();
      const looking = changed$.subscribe(() => {
        if (!reached()) return;
        looking.unsubscribe();
        resolve();
      });
    });
  return {
    client: createClient(here, options),
    here,
    there,
    requests,
    begun: (count) => until(() => requests.length >= count),
    arrived: (count) => until(() => requests.filter(({ whole }) => whole).length >= count),
    reply: (header, body) => {
      const encoded = encodeJsonHeader(header);
      if (!encoded.ok) throw new Error(encoded.fault.message);
      there.write(body === undefined ? [encoded.bytes] : [encoded.bytes, body], () => {});
    },
  };
}

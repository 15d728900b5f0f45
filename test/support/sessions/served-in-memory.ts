/** A server over connections in memory, which may be asked what it holds. */
import { lastValueFrom, Subject, toArray } from 'rxjs';
import { expect } from 'vitest';
import type { ServerEvent } from '../../../src/server/event.ts';
import { defaultLimits, type ServerLimits } from '../../../src/server/limits.ts';
import { serve } from '../../../src/server/serve.ts';
import type { ServerStats } from '../../../src/server/status.ts';
import type { FileStore } from '../../../src/store/contract.ts';
import type { Connection } from '../../../src/transport/connection.ts';
import type { ListenEvent } from '../../../src/transport/listen-event.ts';
import { memoryPair } from '../../../src/transport/memory/memory-pair.ts';

export interface ServedInMemory {
  readonly connect: () => Connection;
  readonly stats: () => ServerStats;
  /** Takes no more connections; resolves when all are over. */
  readonly end: () => Promise<ServerEvent[]>;
}

export function servedInMemory(store: FileStore, limits: Partial<ServerLimits> = {}): ServedInMemory {
  const connections$ = new Subject<ListenEvent>();
  let stats = (): ServerStats => expect.unreachable();
  const served$ = serve({
    connections$,
    store,
    limits: { ...defaultLimits, ...limits },
    stats: (read) => {
      stats = read;
    },
  });
  const over = lastValueFrom(served$.pipe(toArray()));
  return {
    connect: () => {
      const [theirs, ours] = memoryPair();
      connections$.next({ type: 'connection', connection: ours });
      return theirs;
    },
    stats: () => stats(),
    end: () => {
      connections$.complete();
      return over;
    },
  };
}

/** Stores a file without more ado. */
export async function fill(store: FileStore, name: string, bytes: Uint8Array): Promise<void> {
  const sink = await store.put(name, { size: bytes.length });
  if (!sink.ok) throw new Error(sink.error.message);
  await sink.value.write([bytes]);
  await sink.value.commit();
}

/**
 * The connections that are open, for those who watch the server.
 *
 * A connection costs a record of a few fields, and nothing while nobody watches: what is to be seen of it, its work
 * keeps anyway. While somebody does, a connection that begins a request marks itself, once until it is looked at.
 */
import type { Run } from '../../actor/run/run.ts';
import { createFifo, type Fifo } from '../../base/fifo.ts';
import type { ConnectionStatus, Transfers } from '../../files/effects/connection-status.ts';
import type { Connection } from '../../transport/connection.ts';

/** Who looks at connections, as long as somebody watches. */
export interface Watch {
  /** Connections that have begun something since they were looked at. Bounded by their number, since each is in it once. */
  readonly marked: Fifo<LiveConnection>;
  /** Called when a connection is over. */
  readonly left: (live: LiveConnection) => void;
}

/** A class, so that thousands of idle connections share its functions. */
export class LiveConnection implements ConnectionStatus {
  run: Run | null = null;
  transfers: Transfers | null = null;
  /** Requests that are not answered. */
  open = 0;
  /** The watch that it is marked for. */
  markedFor: Watch | null = null;
  isOver = false;
  readonly since = Date.now();
  readonly id: string;
  readonly remote: string;
  private readonly registry: ConnectionRegistry | null;

  constructor({ id, remote }: Pick<Connection, 'id' | 'remote'>, registry: ConnectionRegistry | null) {
    this.id = id;
    this.remote = remote;
    this.registry = registry;
  }

  setOpen(open: number): void {
    this.open = open;
    const watch = this.registry?.watch ?? null;
    if (watch !== null && this.markedFor !== watch) this.mark(watch);
  }

  mark(watch: Watch): void {
    this.markedFor = watch;
    watch.marked.push(this);
  }
}

export interface ConnectionRegistry {
  /** In the order in which they came. */
  readonly connections: ReadonlyMap<string, LiveConnection>;
  /** Null while nobody watches. */
  watch: Watch | null;
  readonly enter: (connection: Pick<Connection, 'id' | 'remote'>) => LiveConnection;
  readonly leave: (id: string) => void;
}

export function createConnectionRegistry(): ConnectionRegistry {
  const connections = new Map<string, LiveConnection>();
  const registry: ConnectionRegistry = {
    connections,
    watch: null,
    enter: (connection) => {
      const live = new LiveConnection(connection, registry);
      connections.set(live.id, live);
      if (registry.watch !== null) live.mark(registry.watch);
      return live;
    },
    leave: (id) => {
      const live = connections.get(id);
      if (live === undefined) return;
      connections.delete(id);
      live.isOver = true;
      registry.watch?.left(live);
    },
  };
  return registry;
}

export const createMarks = (): Fifo<LiveConnection> => createFifo();

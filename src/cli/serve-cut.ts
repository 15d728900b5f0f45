/** Which connections a server cuts off at the end of the grace time: those that were opened and never closed. */
import type { ServerEvent, Where } from '../server/event.ts';

export interface OpenConnections {
  readonly see: (event: ServerEvent) => void;
  /** Those that are open now, the oldest first. */
  readonly left: () => readonly Where[];
}

/** Bounded by the limit on connections: it has a line for each. */
export function openConnections(): OpenConnections {
  const open = new Map<string, Where>();
  return {
    see: (event) => {
      if (event.type === 'opened') {
        open.set(event.connection, { connection: event.connection, remote: event.remote });
      } else if (event.type === 'closed') open.delete(event.connection);
    },
    left: () => [...open.values()],
  };
}

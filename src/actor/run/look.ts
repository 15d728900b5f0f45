/** A look at a connection from outside: at what its run keeps anyway. It changes nothing, and costs nothing in between. */
import type { Pause } from '../trace.ts';
import type { Run } from './run.ts';

/** The run of a connection, once it has begun. */
export interface RunHolder {
  run: Run | null;
}

/** What is to be seen of a connection. */
export interface RunLook {
  /** Bytes that have come, bytes of bodies among them, and bytes that the system has taken to be sent. */
  readonly received: number;
  readonly bodies: number;
  readonly sent: number;
  /** Whether a body is arriving, or the head of a message. */
  readonly isInMessage: boolean;
  /** Whether the system has not taken yet what was written last. */
  readonly isWriting: boolean;
  /** Why it is not read; null while it is. Of several reasons one that no other follows from. */
  readonly pause: Pause | null;
  /** Whether the memory of all connections is used up. */
  readonly isMemoryUsedUp: boolean;
}

/** A connection that is not read for want of credit is often paused by its actor too. */
const PAUSES: readonly Pause[] = ['bytes', 'messages', 'room', 'credit', 'turn', 'actor'];

export function lookAt(run: Run): RunLook {
  const { received, bodies, sent, window, writer, pausedBy } = run;
  return {
    received,
    bodies,
    sent,
    isInMessage: run.inBody || run.partialBytes > 0,
    isWriting: writer.isWriting(),
    pause: PAUSES.find((why) => pausedBy.has(why)) ?? null,
    isMemoryUsedUp: !window.isFree(0),
  };
}

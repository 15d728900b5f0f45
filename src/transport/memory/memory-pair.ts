/** Two connected ends without a network, for tests, for examples and for both sides in one process. */
import { AsyncSubject, asapScheduler, type SchedulerLike } from 'rxjs';
import { checkOptions, LIST, numberFrom, optional, SCHEDULER } from '../../wire/argument.ts';
import type { Connection, ConnectionFault } from '../connection.ts';
import { DESTROYED } from '../connection-fault.ts';
import { createMemoryPipe, type MemoryPipe } from './memory-pipe.ts';

/** How much is on its way between the two ends, how they are called, and by which clock. All may be left out. */
export interface MemoryPairOptions {
  /**
   * Bytes in each direction that settle before the other side has taken them, as in a kernel's buffer. Default
   * 64 KiB. With 0 a write settles only when the other side has taken all of it.
   */
  readonly highWaterMark?: number;
  /** The ids of the two ends, which are their addresses too; default `memory:` and a number. */
  readonly ids?: readonly [string, string];
  /** Schedules everything that the pair calls. Default `asapScheduler`; a `TestScheduler` runs it in virtual time. */
  readonly scheduler?: SchedulerLike;
}

const RESET: ConnectionFault = { code: 'reset', message: 'the peer reset the connection' };
const MEMORY_RULES = {
  highWaterMark: optional(numberFrom(0)),
  ids: optional(LIST),
  scheduler: optional(SCHEDULER),
};
let made = 0;

/**
 * Makes two connections that are each other's peer and behave as TCP connections do: order, flow control, half-close in
 * both directions, and a `destroy` on one side that is a `reset` on the other. A write copies its chunks. Like TCP the
 * pair promises no boundaries, although in fact a chunk arrives as it was written.
 *
 * The connections emit nothing and settle no write within a call; all of that waits for the scheduler.
 *
 * @example
 * const [here, there] = memoryPair();
 * there.chunks$.subscribe({ next: (chunk) => console.log(chunk), error: (error) => console.log(error.message) });
 * here.write([Uint8Array.of(1, 2, 3)], () => here.end());
 */
export function memoryPair(options: MemoryPairOptions = {}): [Connection, Connection] {
  checkOptions('memoryPair', options, MEMORY_RULES);
  const { highWaterMark = 64 * 1024, scheduler = asapScheduler } = options;
  const [leftId, rightId] = options.ids ?? [`memory:${++made}`, `memory:${++made}`];
  const rightward = createMemoryPipe(highWaterMark, scheduler, () => changed());
  const leftward = createMemoryPipe(highWaterMark, scheduler, () => changed());
  const left = memoryEnd(leftId, rightId, leftward, rightward);
  const right = memoryEnd(rightId, leftId, rightward, leftward);
  function changed(): void {
    left.close();
    right.close();
  }
  return [left.connection, right.connection];
}

function memoryEnd(id: string, peer: string, input: MemoryPipe, output: MemoryPipe) {
  const closed$ = new AsyncSubject<ConnectionFault | null>();
  let closed = false;
  let destroyed = false;
  const connection: Connection = {
    id,
    local: id,
    remote: peer,
    chunks$: input.chunks$,
    closed$: closed$.asObservable(),
    write: output.write,
    pause: input.pause,
    resume: input.resume,
    end: output.end,
    destroy() {
      if (closed) return;
      destroyed = true;
      output.dropWriter(DESTROYED, RESET);
      input.dropReader(DESTROYED, RESET);
    },
  };
  return {
    connection,
    /** Reports the end of the connection, when both its sides are over. */
    close(): void {
      const written = output.writeEnd();
      const read = input.readEnd();
      if (closed || written === undefined || read === undefined) return;
      closed = true;
      closed$.next(destroyed ? DESTROYED : (read ?? written));
      closed$.complete();
    },
  };
}

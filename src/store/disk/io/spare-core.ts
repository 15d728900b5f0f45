/**
 * Whether large writes go to the thread pool because a core of the machine has nothing to do.
 *
 * More than a third of the time of a large file is the system's copy of it. On a core that is idle it costs no time, since
 * the event loop receives and sums meanwhile; but it costs a fifth more of the processor, since the bytes have to get
 * there. Where all cores are busy that is lost. So what the cores do is watched while large writes come:
 *
 * ```text
 *   idle since the last look             and large writes went      then they go
 *   three quarters of a core or more     anywhere                   to the pool
 *   less                                 to the pool                there still, down to an eighth of a core
 *   less                                 to the event loop          there still
 *   (the last look is long ago)          anywhere                   to the event loop, until the next look
 * ```
 *
 * A server that writes on its loop, and a sender on the same machine, leave most of a second core idle; the pool takes
 * half a core. TLS of a client on the same machine and a recording leave less: they use it themselves.
 */
import { cpus } from 'node:os';

/**
 * How long the cores are watched from one look to the next. A file that is stored by then has cost the processor and the
 * memory of writing it on the loop.
 */
const WATCHED_MS = 500;
/** No more of the time is spent on looking: where there are hundreds of cores a look takes milliseconds. */
const LOOKING_SHARE_MAX = 0.01;
/** After so long without a look, what the cores did says nothing of these writes. */
const FORGOTTEN_MS = 2_000;
const [IDLE_CORES_MIN, IDLE_CORES_LEFT_MIN] = [0.75, 0.125];

/** What the cores did since the machine began, in milliseconds of them all together. */
export interface CoreTimes {
  readonly idle: number;
  readonly all: number;
  readonly cores: number;
}

const NOTHING_DONE: CoreTimes = { idle: 0, all: 0, cores: 0 };

export interface SpareCore {
  /** Whether a large write goes to the thread pool. */
  readonly isThere: () => boolean;
}

export const NO_SPARE_CORE: SpareCore = { isThere: () => false };

/** @param look says what the cores did. */
export function createSpareCore(look: () => CoreTimes = lookAtCores): SpareCore {
  let last: CoreTimes = NOTHING_DONE;
  let nextLookAt = Number.NEGATIVE_INFINITY;
  let isThere = false;
  return {
    isThere() {
      const now = performance.now();
      if (now < nextLookAt) return isThere;
      const next = look();
      const took = performance.now() - now;
      const idle = now - nextLookAt < FORGOTTEN_MS ? idleCores(last, next) : 0;
      isThere = idle >= (isThere ? IDLE_CORES_LEFT_MIN : IDLE_CORES_MIN);
      last = next;
      nextLookAt = now + Math.max(WATCHED_MS, took / LOOKING_SHARE_MAX);
      return isThere;
    },
  };
}

/** How many cores had nothing to do in between; 0 where the system does not say, or has one alone. */
function idleCores(before: CoreTimes, after: CoreTimes): number {
  const all = after.all - before.all;
  return after.cores < 2 || all <= 0 ? 0 : ((after.idle - before.idle) / all) * after.cores;
}

function lookAtCores(): CoreTimes {
  const each = cpus();
  let [idle, all] = [0, 0];
  for (const { times } of each) {
    idle += times.idle;
    all += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, all, cores: each.length };
}

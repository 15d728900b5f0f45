/** Measures a pool with `parallel: 'auto'`, and lets it have another connection as `growth.ts` decides. */
import { GROWTH_SPAN_MS, type GrowthState, grown } from './growth.ts';
import type { PoolState } from './pool-state.ts';

/** Begins to measure, if it is not settled how many connections there are. @param enlarged called when there may be more. */
export function measure(pool: PoolState, enlarged: () => void): void {
  const { grows } = pool;
  if (grows === null || grows.timer !== null || grows.growth.isSettled) return;
  grows.isDisturbed = true;
  grows.timer = pool.settings.scheduler.schedule(() => endSpan(pool, grows, enlarged), GROWTH_SPAN_MS);
}

function endSpan(pool: PoolState, grows: GrowthState, enlarged: () => void): void {
  const { connections } = grows.growth;
  const isAll = pool.connections.size === connections;
  const isWhole = isAll && [...pool.connections].every(({ state }) => state === 'open');
  grows.growth = grown(grows.growth, isWhole && !grows.isDisturbed ? grows.bytes : null);
  grows.bytes = 0;
  grows.timer = null;
  measure(pool, enlarged);
  grows.isDisturbed = false;
  if (grows.growth.connections === connections) return;
  pool.connectionsMax = grows.growth.connections;
  enlarged();
}

export function stopMeasuring({ grows }: PoolState): void {
  grows?.timer?.unsubscribe();
  if (grows !== null) grows.timer = null;
}

/** A connection was made, or broke. */
export function disturb({ grows }: PoolState): void {
  if (grows !== null) grows.isDisturbed = true;
}

/** No connection is added any more. */
export function settle({ grows }: PoolState, connections: number): void {
  if (grows !== null) grows.growth = { ...grows.growth, connections, isSettled: true };
}

/**
 * One sync for all callers that wait for the same folder: group commit.
 *
 * A sync covers the changes made before it began. A caller that asks during a sync waits for the next one,
 * and all such callers share it. With many commits under way the number of syncs no longer depends on the
 * number of commits.
 */
import type { Start } from '../task.ts';

/**
 * Shares the runs of `sync`. The returned function asks for a run that begins at or after the call, and calls
 * back when that run has ended, with its error if it failed.
 */
export function createGroupSync(sync: Start): Start {
  let isRunning = false;
  let waiting: Parameters<Start>[0][] = [];

  const runNext = () => {
    isRunning = true;
    const group = waiting;
    waiting = [];
    sync((error) => {
      isRunning = false;
      if (waiting.length > 0) runNext();
      for (const callback of group) callback(error);
    });
  };

  return (callback) => {
    waiting.push(callback);
    if (!isRunning) runNext();
  };
}

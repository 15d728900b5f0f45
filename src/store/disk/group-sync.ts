/**
 * One sync for all who wait for the same folder: group commit.
 *
 * A sync covers what was done before it began, so whoever asks while one is under way has to wait for the next; all
 * of these share that one. With many commits in flight the number of syncs no longer depends on that of commits.
 */
import type { Start } from '../task.ts';

/**
 * Shares the runs of `sync`. The result asks for one that begins at or after the moment of asking, and calls back
 * when that one has ended, with its error if it failed.
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

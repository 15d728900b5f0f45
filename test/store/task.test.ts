import { describe, expect, it } from 'vitest';
import { run, type Start, type Task, together, wait } from '../../src/store/task.ts';

const later = <T>(value: T): Task<T> => wait<T>((back) => setImmediate(back, null, value));
const fails = (message: string): Task<never> => wait<never>((back) => setImmediate(back, new Error(message)));

describe('a task', () => {
  it('a task that waits for nothing returns its value at once', () => {
    function* sum(): Task<number> {
      return (yield* one()) + (yield* one());
    }
    // biome-ignore lint/correctness/useYield: a task that never waits is what is tested
    function* one(): Task<number> {
      return 1;
    }
    expect(run(sum())).toBe(2);
  });

  it('a task that waits returns one promise', async () => {
    function* sum(): Task<number> {
      return (yield* later(1)) + (yield* later(2));
    }
    const answer = run(sum());
    expect(answer).toBeInstanceOf(Promise);
    expect(await answer).toBe(3);
  });

  it('a task can catch the error of a step and clean up after it', async () => {
    const steps: string[] = [];
    function* task(): Task<string> {
      try {
        yield* fails('no');
      } catch (error) {
        steps.push((error as Error).message);
      } finally {
        yield* later(0);
        steps.push('cleaned');
      }
      return 'done';
    }
    expect(await run(task())).toBe('done');
    expect(steps).toEqual(['no', 'cleaned']);
  });

  it('a task rejects with the error that it does not catch', async () => {
    await expect(run(fails('not caught'))).rejects.toThrow('not caught');
  });

  it('a task continues when its steps call back in the same turn, however many do', async () => {
    function* task(): Task<number> {
      let sum = 0;
      for (let i = 0; i < 1000; i++) sum += yield* wait<number>((back) => back(null, 1));
      return sum;
    }
    expect(await run(task())).toBe(1000);
  });
});

describe('together', () => {
  it('together starts all steps and waits for all', async () => {
    let running = 0;
    let most = 0;
    const start: Start = (back) => {
      running += 1;
      most = Math.max(most, running);
      setImmediate(() => {
        running -= 1;
        back(null);
      });
    };
    await run(together([start, start, start]));
    expect([running, most]).toEqual([0, 3]);
  });

  it('together throws the first error once all steps have ended', async () => {
    let ended = false;
    const failing: Start = (back) => back(new Error('first'));
    const slow: Start = (back) =>
      setImmediate(() => {
        ended = true;
        back(new Error('second'));
      });
    await expect(run(together([failing, slow]))).rejects.toThrow('first');
    expect(ended).toBe(true);
  });

  it('together waits for nothing when there are no steps', async () => {
    await run(together([]));
  });
});

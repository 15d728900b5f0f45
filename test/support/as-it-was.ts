/** Vitest's setupFiles: the next file of a worker finds the clock, the environment and each function as this one did. */
import { afterAll, vi } from 'vitest';

afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

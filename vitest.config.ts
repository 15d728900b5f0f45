import { defineConfig } from 'vitest/config';

const TIMEOUT_MS = 180_000;

export default defineConfig({
  test: {
    // Installs the programs that tests judge by, where that can be done.
    globalSetup: 'test/support/install-tools.ts',
    include: ['test/**/*.test.ts'],
    // Files run in worker processes, so that a test that counts descriptors or memory sees only its own.
    pool: 'forks',
    // They assert nothing: they end what hangs, also on a machine that is busy with other things.
    testTimeout: TIMEOUT_MS,
    hookTimeout: TIMEOUT_MS,
    expect: { poll: { timeout: TIMEOUT_MS / 2 } },
  },
});

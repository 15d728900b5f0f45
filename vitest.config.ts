import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Installs the programs that tests judge by, where that can be done.
    globalSetup: 'test/support/install-tools.ts',
    include: ['test/**/*.test.ts'],
    // Files run in worker processes, so that a test that counts descriptors or memory sees only its own.
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

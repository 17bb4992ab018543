import { defineConfig } from 'vitest/config';

/** Time limits only end what hangs: on a machine that is busy with other things, too. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    pool: 'forks',
  },
});

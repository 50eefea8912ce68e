import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{unit,integration,e2e,property}/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/plain-summary.ts'],
    // vitest swallows what a test captures from its own stdout otherwise.
    disableConsoleIntercept: true,
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    restoreMocks: true,
    // Real mounts and processes on a machine that others load: one second try, where it is decided
    // whether a change lands. Elsewhere a test that wavers is seen at once.
    retry: process.env['CI'] === undefined ? 0 : 1,
  },
});

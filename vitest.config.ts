import { defineConfig } from 'vitest/config';

const EVERYTHING = ['test/{unit,integration,e2e,property}/**/*.test.ts'];
/** The server's tests, whose data is in SQLite, are run once more on a real PostgreSQL. */
const TOUCHES_DATA = [
  'test/integration/server/**/*.test.ts',
  'test/property/server-routes.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'main', include: [...EVERYTHING] } },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: [...TOUCHES_DATA],
          env: { CLOUD_TEST_DATABASE: 'postgres' },
        },
      },
    ],
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

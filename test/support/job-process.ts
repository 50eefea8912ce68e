/**
 * `node job-process.ts hang|count`: a server process as far as jobs are concerned, on the database of
 * `DATABASE_URL`. It prints `begin` and `end` with the machine's clock; `hang` never ends.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/platform/clock.ts';
import { openPostgres } from '../../src/server/db/postgres.ts';
import { JobRunner } from '../../src/server/jobs/runner.ts';

const kind = process.argv[2];
const url = process.env['DATABASE_URL'] ?? '';
const { db } = await openPostgres({ kind: 'postgres', url, name: 'test', poolSize: 2 });
const say = (what: string): void => {
  process.stdout.write(`${what} ${process.hrtime.bigint()}\n`);
};
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const runner = new JobRunner(
  { db, clock: systemClock, owner: crypto.randomUUID(), logger: quiet },
  [
    {
      name: 'shared',
      summary: 'Is done by one process at a time.',
      everyMs: 0,
      run: async () => {
        say('begin');
        await (kind === 'hang' ? new Promise(() => undefined) : pause(2));
        say('end');
        return {};
      },
    },
  ],
);
await runner.register();
if (kind === 'hang') {
  // Keeps the process alive while nothing happens.
  setInterval(() => undefined, 1000);
  await runner.runDue();
}
for (let turn = 0; turn < 100; turn += 1) {
  await runner.run('shared').catch(() => undefined);
  await pause(1);
}
await db.destroy();

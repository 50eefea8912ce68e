import { beforeAll, expect, it, onTestFinished } from 'vitest';
import type { JobList } from '../../../src/api/contract/jobs.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import type { Job } from '../../../src/server/jobs/job.ts';
import { LEASE_MS } from '../../../src/server/jobs/leases.ts';
import { JobRunner } from '../../../src/server/jobs/runner.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf, testDatabase } from '../../support/test-databases.ts';

const PATH = '/api/v1/admin/jobs';
let server: TestServer;
let client: IdentityClient;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
  client = identityClient(server);
  return () => server.close();
});

async function list(): Promise<JobList['jobs']> {
  const { body } = await client.call('GET', PATH, server.adminToken);
  return (body as JobList).jobs;
}

/** A process of its own, as far as the jobs can tell. */
async function runner(jobs: Job[], clock = adjustableClock()): Promise<JobRunner> {
  const db: Database = await openDatabaseOf(server);
  onTestFinished(() => db.destroy());
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const made = new JobRunner({ db, clock, owner: crypto.randomUUID(), logger: quiet }, jobs);
  await made.register();
  return made;
}

const job = (name: string, run: Job['run']): Job => ({ name, summary: name, everyMs: 60_000, run });

it('lists what the servers do, and runs one when asked', async () => {
  const names = (await list()).map(({ name }) => name);
  expect(names).toContain('deletion-retry');
  expect(new Set(names).size).toBe(names.length);
  const before = (await list()).find(({ name }) => name === 'expiry')!;
  const ran = await client.call('POST', `${PATH}/expiry/run`, server.adminToken);
  expect(ran).toMatchObject({
    status: 200,
    body: { name: 'expiry', dry_run: false, report: { revoked: 0 } },
  });
  const after = (await list()).find(({ name }) => name === 'expiry')!;
  expect(after).toMatchObject({
    state: 'waiting',
    outcome: 'done',
    failures: 0,
    runs: before.runs + 1,
  });
});

it('has dry runs where they make sense, and says what it does not know', async () => {
  const run = (name: string, json?: unknown, token = server.adminToken) =>
    client.call('POST', `${PATH}/${name}/run`, token, json);
  expect(await run('orphans', { dry_run: true })).toMatchObject({
    status: 200,
    body: { dry_run: true, report: { unused: [] } },
  });
  expect(await run('unfinished', { dry_run: true })).toMatchObject({ status: 422 });
  expect(await run('nothing')).toMatchObject({ status: 404, body: { code: 'job-not-found' } });
  expect(await run('expiry', { dry: true })).toMatchObject({ status: 422 });
  expect(await run('expiry', {}, server.apiKeyOf('acme'))).toMatchObject({ status: 403 });
});

it('is done by one of two processes, and passed by while it is being done', async () => {
  const [done, entered, go] = [
    [] as string[],
    Promise.withResolvers<undefined>(),
    Promise.withResolvers<undefined>(),
  ];
  const slow = (who: string) =>
    job('slow', async () => {
      done.push(who);
      entered.resolve(undefined);
      await go.promise;
      return {};
    });
  const one = await runner([slow('one')]);
  const two = await runner([slow('two')]);
  const running = one.runDue();
  await entered.promise;
  if (testDatabase === 'postgres') {
    await two.runDue();
    await expect(two.run('slow')).rejects.toMatchObject({ code: 'job-running' });
  }
  await expect(one.run('slow')).rejects.toMatchObject({ code: 'job-running' });
  go.resolve(undefined);
  await running;
  await two.runDue();
  expect(done).toEqual(['one']);
});

it('is taken over from a process that died, when its lease is over', async () => {
  const clock = adjustableClock();
  const [entered, signals] = [Promise.withResolvers<undefined>(), [] as AbortSignal[]];
  const dead = await runner(
    [
      job('left', async ({ signal }) => {
        signals.push(signal);
        entered.resolve(undefined);
        return new Promise(() => undefined);
      }),
    ],
    clock,
  );
  void dead.runDue();
  await entered.promise;
  let done = 0;
  const living = await runner(
    [
      job('left', () => {
        done += 1;
        return Promise.resolve({});
      }),
    ],
    clock,
  );
  clock.advance(LEASE_MS / 2);
  if (testDatabase === 'postgres') await living.runDue();
  expect(done).toBe(0);
  clock.advance(LEASE_MS / 2);
  await living.runDue();
  expect(done).toBe(1);
});

it('that fails is written down, and due again', async () => {
  const clock = adjustableClock();
  let fails = true;
  const made = await runner(
    [
      job('shaky', () =>
        fails ? Promise.reject(new Error('no storage')) : Promise.resolve({ fixed: 1 }),
      ),
    ],
    clock,
  );
  await made.runDue();
  await made.runDue();
  expect(await made.list()).toMatchObject([
    { outcome: 'failed', error: 'no storage', failures: 1, runs: 1, report: null },
  ]);
  fails = false;
  clock.advance(60_000);
  await made.runDue();
  expect(await made.list()).toMatchObject([
    { outcome: 'done', error: null, failures: 0, runs: 2, report: { fixed: 1 } },
  ]);
});

it('that a stop cut short is no failure, and due at once', async () => {
  const entered = Promise.withResolvers<undefined>();
  const stopped = await runner([
    job('long', async ({ signal }) => {
      entered.resolve(undefined);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw new Error('Not all was done.', { cause: signal.reason });
    }),
  ]);
  const running = stopped.runDue();
  await entered.promise;
  await stopped.stop();
  await running;
  expect(await stopped.list()).toMatchObject([
    { state: 'waiting', outcome: null, error: null, failures: 0, runs: 0 },
  ]);
  let done = 0;
  const next = await runner([job('long', () => Promise.resolve({ done: (done += 1) }))]);
  await next.runDue();
  expect(done).toBe(1);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { openPostgres } from '../../../src/server/db/postgres.ts';
import { LEASE_MS } from '../../../src/server/jobs/leases.ts';
import { JobRunner } from '../../../src/server/jobs/runner.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { createPostgresDatabase } from '../../support/test-databases.ts';

const SCRIPT = fileURLToPath(new URL('../../support/job-process.ts', import.meta.url));

async function database(): Promise<string> {
  const made = await createPostgresDatabase();
  onTestFinished(() => made[Symbol.asyncDispose]());
  return made.url;
}

function startProcess(kind: 'hang' | 'count', url: string) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', SCRIPT, kind], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended, lines: createInterface(child.stdout) };
}

it('processes on one database never do the same job at the same time', async () => {
  const url = await database();
  const marks: { what: string; at: bigint; who: number }[] = [];
  const processes = [0, 1, 2].map((who) => {
    const { lines, ended } = startProcess('count', url);
    lines.on('line', (line) => {
      const [what = '', at = '0'] = line.split(' ');
      marks.push({ what, at: BigInt(at), who });
    });
    return ended;
  });
  await Promise.all(processes);
  const inOrder = marks.toSorted((one, two) => (one.at < two.at ? -1 : 1));
  expect(new Set(inOrder.map(({ who }) => who)).size).toBe(3);
  expect(inOrder.length).toBeGreaterThan(30);
  for (let index = 0; index < inOrder.length; index += 2) {
    const [begin, end] = inOrder.slice(index, index + 2);
    expect([begin?.what, end?.what, end?.who]).toEqual(['begin', 'end', begin?.who]);
  }
});

it('a job of a process that was killed is taken over when its lease is over', async () => {
  const url = await database();
  const { child, ended, lines } = startProcess('hang', url);
  await once(lines, 'line');
  child.kill('SIGKILL');
  await ended;
  const { db } = await openPostgres({ kind: 'postgres', url, name: 'test', poolSize: 2 });
  onTestFinished(() => db.destroy());
  const clock = adjustableClock();
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const job = {
    ...{ name: 'shared', summary: '', everyMs: 0 },
    run: () => Promise.resolve({ done: 1 }),
  };
  const runner = new JobRunner({ db, clock, owner: 'another', logger: quiet }, [job]);
  await expect(runner.run('shared')).rejects.toMatchObject({ code: 'job-running' });
  expect(await runner.list()).toMatchObject([{ state: 'running', outcome: null }]);
  clock.advance(LEASE_MS);
  expect(await runner.run('shared')).toEqual({ done: 1 });
  expect(await runner.list()).toMatchObject([{ state: 'waiting', outcome: 'done', runs: 1 }]);
});

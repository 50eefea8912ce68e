import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createApiClient } from '../../src/api/client.ts';
import { openPerson } from '../support/person.ts';
import { runCloud } from '../support/run-cloud.ts';
import { openWorkspace } from '../support/workspace.ts';

it('cloud bisync syncs, plans, stops at the guard and does what is approved', async () => {
  const { folder, cloud } = await openPerson();
  const quiet = await cloud('bisync');
  expect(quiet).toMatchObject({ exitCode: 0 });
  expect(quiet.stdout).toMatch(
    /^Nothing to move between .*notes and the bucket \S+: 10 files equal/,
  );

  await writeFile(join(folder, 'n0.md'), 'edited');
  const plan = await cloud('bisync', '--dry-run');
  expect(plan.stdout).toContain('To upload: 1 file, 6 B\n  n0.md');
  const planId = /--approve (\S+)$/.exec(plan.stdout)?.[1] ?? '';
  const approved = await cloud('bisync', '--approve', planId);
  expect(approved.stdout).toMatch(/: 1 uploaded \(6 B\)\.$/);

  for (const index of [1, 2, 3]) await rm(join(folder, `n${index}.md`));
  const stopped = await cloud('bisync', '--json');
  expect(stopped.exitCode).toBe(78);
  const { error } = JSON.parse(stopped.stderr) as {
    error: { code: string; suggestions: string[]; details: { planId: string; paths: string[] } };
  };
  expect(error).toMatchObject({ code: 'halted-delete-guard', details: { side: 'remote' } });
  expect(error.details.paths).toEqual(['n1.md', 'n2.md', 'n3.md']);
  const done = await cloud('bisync', '--json', '--approve', error.details.planId);
  const lines = done.stdout.split('\n').map((line) => JSON.parse(line) as { type: string });
  expect(lines.map(({ type }) => type)).toEqual([
    ...['scanning', 'snapshot', 'planned', 'deleted', 'deleted', 'deleted', 'result'],
  ]);
  expect(lines.at(-1)).toMatchObject({ counts: { deletedRemote: 3 }, exitCode: 0, state: 'idle' });
}, 60_000);

it('cloud bisync says what is wrong with a folder, and needs a set-up', async () => {
  const { root, env } = await openWorkspace();
  const bare = await runCloud(['bisync', '--json'], { env });
  expect(bare.exitCode).toBe(10);
  expect(bare.stderr).toContain('not-set-up');
  const { folder, cloud } = await openPerson();
  const file = join(root, 'a-file');
  await writeFile(file, 'x');
  expect(await cloud('bisync', '--path', file)).toMatchObject({ exitCode: 2 });
  expect(await cloud('bisync', '--path', join(folder, 'inner'))).toMatchObject({ exitCode: 2 });
  await rm(join(folder, '.cloud-pair.json'));
  const halted = await cloud('bisync');
  expect(halted.exitCode).toBe(78);
  expect(halted.stderr).toContain('cloud bisync --resync');
  expect(await cloud('bisync', '--resync')).toMatchObject({ exitCode: 0 });
  expect(await readFile(join(folder, '.cloud-access'), 'utf8')).toContain('cloud');
}, 60_000);

it('cloud bisync gets itself another key when its own was revoked', async () => {
  const { folder, cloud, server } = await openPerson();
  const api = createApiClient({
    server: server.url,
    token: () => Promise.resolve(server.apiKeyOf('acme')),
  });
  const keys = async (): Promise<string[]> =>
    (await api.listMountCredentials()).credentials.map(({ id }) => id);
  const [first = ''] = await keys();
  await api.revokeMountCredential(first);
  await writeFile(join(folder, 'n0.md'), 'edited');
  expect(await cloud('bisync')).toMatchObject({ exitCode: 0, stderr: '' });
  const after = await keys();
  expect(after).toHaveLength(1);
  expect(after).not.toContain(first);
  // It is kept: the next run asks for none.
  expect((await cloud('bisync')).exitCode).toBe(0);
  expect(await keys()).toEqual(after);
}, 60_000);

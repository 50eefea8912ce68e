import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openPerson } from '../support/person.ts';
import { runCloud } from '../support/run-cloud.ts';

interface Status {
  exitCode: number;
  account: { context: string } | null;
  folders: { state: string; openConflicts: number; lastRun: { uploaded: number } | null }[];
  nextSteps: string[];
}

it('a conflict is seen, compared and resolved; status tells it and works offline', async () => {
  const ada = await openPerson();
  const bob = await openPerson(ada);
  const status = async (): Promise<Status> => {
    const run = await ada.cloud('status', '--json');
    const report = JSON.parse(run.stdout) as Status;
    expect(report.exitCode).toBe(run.exitCode);
    return report;
  };
  expect(await status()).toMatchObject({
    exitCode: 0,
    folders: [{ state: 'idle' }],
    nextSteps: [],
  });

  await writeFile(join(bob.folder, 'n0.md'), "bob's\n");
  await bob.cloud('bisync');
  await writeFile(join(ada.folder, 'n0.md'), "ada's\n");
  const met = await ada.cloud('bisync', '--profile', 'safe');
  expect(met).toMatchObject({ exitCode: 3 });
  expect(met.stdout).toContain('cloud conflicts list');
  expect(await status()).toMatchObject({
    ...{ exitCode: 3, nextSteps: ['cloud conflicts list'] },
    folders: [{ state: 'conflicts', openConflicts: 1 }],
  });

  const list = await ada.cloud('conflicts', 'list');
  expect(list.stdout).toMatch(/^FILE .*\nn0\.md +open /);
  const diff = await ada.cloud('conflicts', 'diff', 'n0.md');
  expect(diff.stdout).toContain("-bob's\n+ada's");
  const shown = await ada.cloud('conflicts', 'show', 'n0.md', '--json');
  expect(JSON.parse(shown.stdout)).toMatchObject({ conflicts: [{ path: 'n0.md', open: true }] });
  expect((await ada.cloud('conflicts', 'resolve', '--all', '--keep', 'local')).exitCode).toBe(2);
  const done = await ada.cloud('conflicts', 'resolve', 'n0.md', '--keep', 'local');
  expect(done).toMatchObject({ exitCode: 0 });
  expect(done.stdout).toBe('n0.md is the local version now; the other one is in the trash');
  await bob.cloud('bisync');
  expect(await readFile(join(bob.folder, 'n0.md'), 'utf8')).toBe("ada's\n");

  const equal = await ada.cloud('check');
  expect(equal.exitCode).toBe(0);
  await writeFile(join(ada.folder, 'n1.md'), 'different');
  expect((await ada.cloud('check')).exitCode).toBe(8);
  await ada.server.close();
  const offline = await ada.cloud('check', '--json');
  expect(offline.exitCode).toBe(5);
  expect(JSON.parse(offline.stderr)).toMatchObject({ error: { code: 'offline' } });
  expect(await status()).toMatchObject({ exitCode: 0, account: { context: 'acme' } });
  expect((await ada.cloud('bisync')).exitCode).toBe(5);
  expect(await status()).toMatchObject({ exitCode: 5, folders: [{ state: 'offline' }] });
}, 120_000);

it('profile, conflict strategy and .gitignore come from flag, environment or configuration', async () => {
  const ada = await openPerson();
  const config = join(ada.env['CLOUD_HOME'] ?? '', 'config', 'config.json');
  const profileOf = async (args: string[], env: NodeJS.ProcessEnv): Promise<string> => {
    const run = await runCloud(['bisync', '--json', ...args], { env: { ...ada.env, ...env } });
    return (JSON.parse(run.stdout.split('\n').at(-1) ?? '') as { profile: string }).profile;
  };
  expect(await profileOf([], {})).toBe('balanced');
  const stored = JSON.parse(await readFile(config, 'utf8')) as object;
  const sync = { profile: 'safe', gitignore: true };
  await writeFile(config, JSON.stringify({ ...stored, sync }));
  expect(await profileOf([], {})).toBe('safe');
  expect(await profileOf([], { CLOUD_PROFILE: 'fast' })).toBe('fast');
  expect(await profileOf(['--profile', 'balanced'], { CLOUD_PROFILE: 'fast' })).toBe('balanced');

  await writeFile(join(ada.folder, '.gitignore'), 'secret\n');
  await mkdir(join(ada.folder, 'sub'));
  const verdict = (...more: string[]): Promise<{ exitCode: number; stdout: string }> =>
    ada.cloud('filters', 'test', 'sub/secret', ...more);
  expect((await verdict()).stdout).toBe('sub/secret: ignored, by "secret" (.gitignore:1)');
  expect((await verdict()).exitCode).toBe(1);
  expect(await verdict('--no-gitignore')).toMatchObject({ exitCode: 0 });
}, 120_000);

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { signalProcess } from '../../src/platform/processes.ts';
import {
  isMounted,
  kill,
  mountTest,
  openMountUser,
  until,
  type MountUser,
} from '../support/mount-user.ts';
import { runCloud } from '../support/run-cloud.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { openWorkspace } from '../support/workspace.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['well', 'killed', 'wedged', 'lonely'] });
});
afterAll(() => server.close());

interface Report {
  findings: { check: string; level: string; summary: string; exitCode: number; fixable: boolean }[];
  worst: string;
  exitCode: number;
  fixed: { check: string; did: string | null; error: string | null }[];
}

async function doctor(user: MountUser, ...args: string[]): Promise<Report> {
  const { stdout, exitCode, stderr } = await user.cloud('doctor', '--json', ...args);
  const report = JSON.parse(stdout) as Report;
  expect(stderr).toBe('');
  expect(report.exitCode).toBe(exitCode);
  return report;
}

const of = ({ findings }: Report, id: string) => findings.filter(({ check }) => check === id);

test('before anything is set up', async () => {
  const { env } = await openWorkspace();
  const run = await runCloud(['doctor'], { env });
  expect(run).toMatchObject({ exitCode: 10, stderr: '' });
  expect(run.stdout).toMatch(/✗ failure Nothing has been set up here yet\n.*\n +cloud setup\n/);
  expect(run.stdout).toContain('because: nothing has been set up here yet');
  expect(await runCloud(['doctor', '--context', 'nobody'], { env })).toMatchObject({ exitCode: 2 });
});

mountTest('a machine that is well, for people, programs and spreadsheets', async () => {
  const user = await openMountUser(server, 'well');
  const folder = join(user.root, 'home', 'Cloud');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'a.md'), 'a');
  expect(await user.cloud('bisync', '--path', folder)).toMatchObject({ exitCode: 0 });
  await user.mount();
  const people = await user.cloud('doctor');
  expect(people).toMatchObject({ exitCode: 0, stderr: '' });
  expect(people.stdout).toContain(`✓ ok      ${folder} is in order: 1 file agreed\n`);
  expect(people.stdout).toMatch(/\nAll is well: 0 failures, 0 warnings, \d+ ok\.$/);
  const program = await doctor(user);
  expect(program).toMatchObject({ worst: 'ok', exitCode: 0, fixed: [] });
  const rows = (await user.cloud('doctor', '--output', 'tsv')).stdout.split('\n');
  expect(rows[0]).toBe('check\tlevel\tsummary\tcause\tcure\tcommand');
  expect(rows).toHaveLength(program.findings.length + 1);
  await user.json('unmount');
});

mountTest(
  'a mount whose processes were killed is cleared away, and what waits is told',
  async () => {
    const user = await openMountUser(server, 'killed');
    const { supervisor, rclone } = await user.mount('--profile', 'safe');
    await writeFile(join(user.folder, 'a.md'), 'a');
    await kill(supervisor!);
    await kill(rclone!);
    const seen = await doctor(user);
    expect(seen).toMatchObject({ worst: 'failure', exitCode: 13 });
    expect(of(seen, 'mounts')).toMatchObject([{ level: 'failure', fixable: true }]);
    const fixed = await doctor(user, '--fix');
    expect(fixed.fixed.map(({ check, error }) => [check, error])).toEqual([
      ['mounts', null],
      ['locks', null],
    ]);
    const [{ did } = { did: null }] = fixed.fixed;
    const again = `cloud mount --path ${user.folder} --profile safe`;
    expect(did).toContain(again);
    expect(fixed).toMatchObject({ worst: 'warning', exitCode: 0 });
    // Its size is what rclone had noted when it was killed.
    expect(of(fixed, 'mounts')[0]?.summary).toMatch(/; 1 file \([01] B\) waiting to be uploaded$/);
    expect(await isMounted(user.folder)).toBe(false);
    // The advice, word for word.
    await user.json(...again.split(' ').slice(1));
    expect(await readdir(user.folder)).toEqual(['a.md']);
    await user.json('unmount');
    expect(await user.bucket.text('a.md')).toBe('a');
  },
);

mountTest('a mount that hangs, and a synced folder on it, hang nothing', async () => {
  const user = await openMountUser(server, 'wedged');
  const record = await user.mount();
  // As if a folder on a dead file server had been synced.
  const pair = {
    id: '0123456789abcdef',
    root: join(user.folder, 'x'),
    tenant: 't',
    bucket: 'b',
    mark: 'm',
  };
  const state = join(user.host.places.state, 'pairs', pair.id);
  await mkdir(state, { recursive: true, mode: 0o700 });
  await writeFile(join(state, 'pair.json'), JSON.stringify(pair));
  signalProcess(record.rclone!, 'SIGSTOP');
  onTestFinished(async () => {
    signalProcess(record.rclone!, 'SIGCONT');
    await rm(state, { recursive: true });
  });
  // A machine under load is told from a mount that hangs after a while only.
  await until(async () => (await user.status()).problem?.code === 'mount-hangs');
  const seen = await doctor(user);
  expect(seen.exitCode).toBe(13);
  expect(of(seen, 'mounts')).toMatchObject([{ level: 'failure', exitCode: 13, fixable: false }]);
  expect(of(seen, 'mounts')[0]?.summary).toContain('hangs');
  expect(of(seen, 'pairs')).toMatchObject([{ level: 'failure', exitCode: 78 }]);
  expect(of(seen, 'pairs')[0]?.summary).toContain('does not answer');
});

mountTest('a mount without its supervisor needs attention, no more', async () => {
  const user = await openMountUser(server, 'lonely');
  const { supervisor } = await user.mount();
  await kill(supervisor!);
  const seen = await doctor(user);
  expect(of(seen, 'mounts')).toMatchObject([{ level: 'warning', fixable: false }]);
  expect(seen.exitCode).toBe(0);
  await user.json('mount');
  await user.json('unmount');
});

import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Rclone } from '../../src/rclone/rclone.ts';
import { realRclone, rememberRealRclone } from '../support/rclone.ts';
import { runCloud } from '../support/run-cloud.ts';
import { openWorkspace, type Workspace } from '../support/workspace.ts';

let real: Rclone;
beforeAll(async () => {
  real = await realRclone();
});

/** A user with only `bin` on PATH. */
async function user(): Promise<Workspace & { bin: string }> {
  const workspace = await openWorkspace();
  const bin = join(workspace.root, 'bin');
  await mkdir(bin);
  workspace.env['PATH'] = bin;
  await rememberRealRclone(workspace.host);
  return { ...workspace, bin };
}

describe('cloud rclone', () => {
  test('path and version without one say how to get it', async () => {
    const { env } = await user();
    for (const command of ['path', 'version']) {
      const run = await runCloud(['rclone', command], { env });
      expect(run).toMatchObject({ exitCode: 12, stdout: '' });
      expect(run.stderr).toContain('rclone is not installed.\n  cloud rclone install');
    }
  });

  test('path prints the path alone; version what it is and can; install leaves it', async () => {
    const { env, bin } = await user();
    await symlink(real.path, join(bin, 'rclone'));
    const path = await runCloud(['rclone', 'path'], { env });
    expect(path).toEqual({ exitCode: 0, stdout: join(bin, 'rclone'), stderr: '' });
    const version = await runCloud(['rclone', 'version', '--json'], { env });
    expect(JSON.parse(version.stdout)).toEqual({
      path: join(bin, 'rclone'),
      origin: 'path',
      version: real.version,
      capabilities: real.capabilities,
    });
    const install = await runCloud(['rclone', 'install', '--json'], { env });
    expect(JSON.parse(install.stdout)).toMatchObject({
      changed: false,
      rclone: { origin: 'path' },
    });
    const update = await runCloud(['rclone', 'update'], { env });
    expect(update.exitCode).toBe(12);
    expect(update.stderr).toContain('was not installed by cloud');
  });

  test('one that CLOUD_RCLONE names and that is too old is refused with the reason', async () => {
    const { env, root } = await user();
    const path = join(root, 'old-rclone');
    await writeFile(path, '#!/bin/sh\necho rclone v1.60.1-DEV\n');
    await chmod(path, 0o755);
    const named = { ...env, CLOUD_RCLONE: path };
    const run = await runCloud(['rclone', 'version', '--json'], { env: named });
    expect(run.exitCode).toBe(12);
    expect(JSON.parse(run.stderr)).toMatchObject({
      error: {
        code: 'rclone-unfit',
        exitCode: 12,
        details: { refusals: [{ path, reason: 'version 1.60.1 is older than 1.72.0' }] },
      },
    });
  });

  test('install without a network ends with the reasons and the commands, --verbose with each way', async () => {
    const { env } = await user();
    const argv = ['rclone', 'install', '--mirror', 'http://127.0.0.1:1', '--verbose'];
    const run = await runCloud(argv, { env });
    expect(run.exitCode).toBe(12);
    expect(run.stderr).toContain('official: 127.0.0.1:1 could not be reached (ECONNREFUSED)');
    expect(run.stderr).toContain('apt: apt-get is not here');
    expect(run.stderr).toContain('--mirror https://your-mirror');
    const wrong = await runCloud(['rclone', 'install', '--mirror', 'nonsense'], { env });
    expect(wrong.exitCode).toBe(2);
    const unknown = await runCloud(['rclone', 'install', '--method', 'snap'], { env });
    expect(unknown.exitCode).toBe(2);
  });

  test('export before anything is set up says so', async () => {
    const { env } = await user();
    expect((await runCloud(['rclone', 'export'], { env })).exitCode).toBe(10);
  });
});

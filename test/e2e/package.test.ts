import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { installPacked, measure, pack } from '../support/packed.ts';
import { realRclone } from '../support/rclone.ts';
import { startTestServer } from '../support/server.ts';
import { openWorkspace } from '../support/workspace.ts';

/** Bytes; raised on purpose only. */
const TARBALL_MAX = 2_000_000;
const INSTALLED_MAX = 16_000_000;

test('the package holds what users need and nothing else, and works from an empty prefix', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-package-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { path, size, files } = await pack(folder);
  const kinds = new Set(files.map((file) => file.split('/')[0]));
  expect([...kinds].sort()).toEqual(
    ['README.md', 'bin', 'dist', 'docs', 'oclif.manifest.json', 'package.json'].sort(),
  );
  expect(files.filter((file) => /dev\.js|\.test\.|\.map$|\.ts$|fixtures/.test(file))).toEqual([]);
  expect(size).toBeLessThan(TARBALL_MAX);

  const prefix = join(folder, 'prefix');
  await mkdir(prefix);
  const cloud = await installPacked(path, prefix);
  const { bytes, packages } = await measure(prefix);
  expect(bytes).toBeLessThan(INSTALLED_MAX);
  // Itself, the keychain, and its binary for this system: everything else is in the bundle.
  expect(packages).toBeLessThanOrEqual(3);

  const server = await startTestServer({ tenants: ['acme'] });
  onTestFinished(() => server.close());
  const { root, env } = await openWorkspace();
  const synced = join(root, 'notes');
  await mkdir(synced);
  await writeFile(join(synced, 'note.md'), 'from the package');
  const run = (...args: string[]) =>
    execa(cloud, args, {
      env: { ...env, CLOUD_RCLONE: rclone },
      ...{ extendEnv: false, reject: false, input: server.apiKeyOf('acme') },
    });
  const rclone = (await realRclone()).path;
  const setup = await run(
    ...['setup', '--server', server.url, '--mode', 'bisync', '--path', synced],
    ...['--token-stdin', '--yes'],
  );
  expect(setup.exitCode, setup.stderr).toBe(0);
  expect((await run('check')).exitCode).toBe(0);
  expect((await run('help', 'exit-codes')).stdout).toContain('78');
  expect((await run('server', 'start', '--help')).exitCode).toBe(0);
}, 180_000);

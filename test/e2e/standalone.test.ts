import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { startTestServer } from '../support/server.ts';
import { openWorkspace } from '../support/workspace.ts';

const root = resolve(import.meta.dirname, '../..');
const PACKED = ['package.json', 'package-lock.json', '.npmrc', 'bin', 'dist', 'docs'];

test('oclif packs the program with the Node of its configuration, and it needs no other', async () => {
  const { oclif } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    oclif: { update: { node: { version: string } } };
  };
  const target = `${process.platform}-${process.arch}`;
  const work = await mkdtemp(join(tmpdir(), 'cloud-standalone-'));
  onTestFinished(() => rm(work, { recursive: true, force: true }));
  const tree = join(work, 'tree');
  for (const name of [...PACKED, 'README.md', 'oclif.manifest.json']) {
    await cp(join(root, name), join(tree, name), { recursive: true });
  }
  // In the name of the archive is a commit; and where Node was fetched before, nothing is fetched.
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: tree });
  await git('init', '--quiet');
  await git('commit', '--quiet', '--allow-empty', '--message', 'packed');
  const cache = join(tree, 'tmp/cache', `node-v${oclif.update.node.version}-${target}`);
  await mkdir(cache, { recursive: true });
  await cp(process.execPath, join(cache, 'node'));
  expect(process.version).toBe(`v${oclif.update.node.version}`);
  await execa(process.execPath, [
    ...[join(root, 'node_modules/oclif/bin/run.js'), 'pack', 'tarballs'],
    ...['--root', tree, '--targets', target, '--no-xz'],
  ]);
  await execa('sh', ['-c', `tar -xzf "$1"/tree/dist/cloud-v*-${target}.tar.gz -C "$1"`, '-', work]);

  const server = await startTestServer({ tenants: ['acme'] });
  onTestFinished(() => server.close());
  const { env } = await openWorkspace();
  const cloud = (args: string[], input = '') =>
    execa(join(work, 'cloud/bin/cloud'), args, {
      ...{ input, extendEnv: false },
      env: { ...env, HOME: work, PATH: '/usr/bin:/bin' },
    });
  expect((await cloud(['--version'])).stdout).toContain(`node-v${oclif.update.node.version}`);
  await cloud(['login', '--server', server.url, '--token-stdin'], server.apiKeyOf('acme'));
  expect((await cloud(['whoami'])).stdout).toMatch(/Tenant +acme/);
  expect((await cloud(['help', 'exit-codes'])).stdout).toContain('78');
}, 240_000);

import { execa } from 'execa';
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { realRclone } from '../../support/rclone.ts';
import { available } from '../../support/available.ts';
import {
  createKey,
  openStore,
  temporaryFolder,
  tenantStatements,
  type Keys,
  type TestStore,
} from './support.ts';

// Clients that nobody here wrote run the same script: make a tree, send it, change it, bring it
// back, compare. They come from .ci/apt-packages; the test installs nothing itself.

const BUCKET = 'outsiders';

// awscli alone takes seconds to start on a busy machine.
vi.setConfig({ testTimeout: 180_000 });

async function makeTree(folder: string): Promise<void> {
  const files: Record<string, string | Buffer> = {
    'a.md': '# a\n',
    'empty.txt': '',
    'with space & ümlaut.md': 'ü'.repeat(100),
    'plus+percent%20.md': 'plus',
    'deep/er/file.ts': 'export {};\n',
    'large.bin': Buffer.alloc(11_000_000, 'large body '),
  };
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, content);
  }
}

function same(a: string, b: string): void {
  execFileSync('diff', ['-r', a, b]);
}

interface Setting extends TestStore {
  keys: Keys;
  root: string;
  tree: string;
  back: string;
  host: string;
}

/** A store with a bucket, a tenant's key and a tree of files. */
async function prepare(): Promise<Setting> {
  const opened = await openStore();
  await opened.fetch(`/${BUCKET}`, { method: 'PUT' });
  const keys = await createKey(opened, tenantStatements(BUCKET));
  const root = await temporaryFolder();
  const tree = join(root, 'tree');
  await makeTree(tree);
  const back = join(root, 'back');
  await mkdir(back);
  return { ...opened, keys, root, tree, back, host: new URL(opened.store.url).host };
}

/** Changes of every kind, for a second run to carry over. */
async function change(tree: string): Promise<void> {
  await writeFile(join(tree, 'a.md'), '# a, changed and longer\n');
  await writeFile(join(tree, 'new.md'), 'new');
  await rm(join(tree, 'deep'), { recursive: true });
}

const quiet = { PATH: process.env['PATH'], LANG: 'C.UTF-8' };

describe('s3cmd', () => {
  it.runIf(available('s3cmd'))('syncs both ways', async () => {
    const { root, tree, back, host, keys } = await prepare();
    const config = join(root, 's3cfg');
    await writeFile(
      config,
      `[default]\naccess_key = ${keys.accessKeyId}\nsecret_key = ${keys.secretAccessKey}\n` +
        `host_base = ${host}\nhost_bucket = ${host}\nuse_https = False\nbucket_location = auto\n` +
        'multipart_chunk_size_mb = 5\n',
    );
    const s3cmd = (...args: string[]) =>
      execa('s3cmd', ['--config', config, '--no-progress', ...args], {
        env: { ...quiet, HOME: root },
        extendEnv: false,
      });
    const upload = () => s3cmd('sync', '--delete-removed', `${tree}/`, `s3://${BUCKET}/t/`);
    const download = () => s3cmd('sync', '--delete-removed', `s3://${BUCKET}/t/`, `${back}/`);
    await upload();
    await download();
    same(tree, back);
    await change(tree);
    await upload();
    await download();
    // s3cmd removes files and leaves their folders.
    await rm(join(back, 'deep'), { recursive: true, force: true });
    same(tree, back);
    const { stdout } = await s3cmd('ls', `s3://${BUCKET}/t/large.bin`);
    expect(stdout).toContain(' 11000000 ');
    await s3cmd('cp', `s3://${BUCKET}/t/a.md`, `s3://${BUCKET}/copy.md`);
    await s3cmd('del', '--recursive', '--force', `s3://${BUCKET}/t/`);
    const left = await s3cmd('ls', '--recursive', `s3://${BUCKET}/`);
    expect(left.stdout.trim().split('\n')).toHaveLength(1);
  });
});

describe('awscli', () => {
  it.runIf(available('aws'))('syncs both ways and presigns', async () => {
    const { root, tree, back, store, keys } = await prepare();
    const env = {
      ...quiet,
      HOME: root,
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_DEFAULT_REGION: 'auto',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const aws = (...args: string[]) =>
      execa('aws', ['--endpoint-url', store.url, ...args], { env, extendEnv: false });
    await aws('s3', 'sync', tree, `s3://${BUCKET}/t`);
    await aws('s3', 'sync', `s3://${BUCKET}/t`, back);
    same(tree, back);
    const { stdout: url } = await aws('s3', 'presign', `s3://${BUCKET}/t/large.bin`);
    const presigned = Buffer.from(await (await fetch(url.trim())).arrayBuffer());
    expect(presigned.equals(await readFile(join(tree, 'large.bin')))).toBe(true);
  });
});

describe('restic', () => {
  it.runIf(available('restic'))('backs up, verifies every byte and restores', async () => {
    const { root, tree, back, host, keys } = await prepare();
    const env = {
      ...quiet,
      HOME: root,
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      RESTIC_PASSWORD: 'test',
      RESTIC_REPOSITORY: `s3:http://${host}/${BUCKET}`,
      RESTIC_CACHE_DIR: join(root, 'cache'),
    };
    const restic = (...args: string[]) =>
      execa('restic', args, { env, cwd: root, extendEnv: false });
    await restic('init', '-o', 's3.bucket-lookup=path');
    await restic('backup', '-o', 's3.bucket-lookup=path', 'tree');
    await change(tree);
    await restic('backup', '-o', 's3.bucket-lookup=path', 'tree');
    await restic('check', '-o', 's3.bucket-lookup=path', '--read-data');
    await restic('restore', '-o', 's3.bucket-lookup=path', 'latest', '--target', back);
    same(tree, join(back, 'tree'));
  });
});

describe('rclone', () => {
  let program = '';
  beforeAll(async () => {
    program = (await realRclone()).path;
  });

  async function rcloneIn(setting: Setting) {
    const { root, store, keys } = setting;
    const config = join(root, 'rclone.conf');
    await writeFile(
      config,
      `[t]\ntype = s3\nprovider = Other\nregion = auto\nendpoint = ${store.url}\n` +
        'force_path_style = true\nlist_version = 2\nno_check_bucket = true\nenv_auth = true\n' +
        'chunk_size = 5Mi\nupload_cutoff = 5Mi\n',
    );
    const env = {
      ...quiet,
      HOME: root,
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    };
    return (...args: string[]) =>
      execa(program, ['--config', config, '--retries', '1', ...args], { env, extendEnv: false });
  }

  it('copies, syncs and checks', async () => {
    const setting = await prepare();
    const { tree, back } = setting;
    const rclone = await rcloneIn(setting);
    await rclone('copy', tree, `t:${BUCKET}/t`);
    await rclone('check', tree, `t:${BUCKET}/t`);
    await rclone('check', '--download', tree, `t:${BUCKET}/t`);
    await change(tree);
    await rclone('sync', tree, `t:${BUCKET}/t`);
    await rclone('sync', `t:${BUCKET}/t`, back);
    same(tree, back);
    await rclone('moveto', `t:${BUCKET}/t/large.bin`, `t:${BUCKET}/moved.bin`);
    const { stdout } = await rclone('lsf', '--recursive', `t:${BUCKET}`);
    expect(stdout.split('\n')).toContain('moved.bin');
    await rclone('sync', '--header', 'X-Tigris-Consistent: true', tree, `t:${BUCKET}/t`);
    await rclone('check', tree, `t:${BUCKET}/t`);
  });

  it('syncs both ways at once with bisync', async () => {
    const setting = await prepare();
    const { tree, back, root } = setting;
    const rclone = await rcloneIn(setting);
    const remote = `t:${BUCKET}/b`;
    const bisync = (...args: string[]) =>
      rclone(
        'bisync',
        tree,
        remote,
        '--workdir',
        join(root, 'work'),
        '--compare',
        'size,checksum',
        ...args,
      );
    await bisync('--resync');
    await change(tree);
    await cp(tree, back, { recursive: true });
    await writeFile(join(root, 'theirs.md'), 'from the other side');
    await rclone('copyto', join(root, 'theirs.md'), `${remote}/theirs.md`);
    await bisync();
    expect(await readFile(join(tree, 'theirs.md'), 'utf8')).toBe('from the other side');
    await rclone('check', tree, remote);
  });
});

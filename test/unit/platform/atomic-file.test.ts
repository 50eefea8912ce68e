import { mkdir, open, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import {
  isErrno,
  readTextIfExists,
  syncFolder,
  writeFileAtomic,
} from '../../../src/platform/atomic-file.ts';
import { openWorkspace } from '../../support/workspace.ts';

const source = new URL('../../../src/platform/atomic-file.ts', import.meta.url).href;

describe('writeFileAtomic', () => {
  test('creates the file with mode 0600 and leaves nothing else', async () => {
    const { root } = await openWorkspace();
    const path = join(root, 'a.json');
    await writeFileAtomic(path, 'one');
    expect(await readFile(path, 'utf8')).toBe('one');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(root)).toEqual(['a.json']);
  });

  test('a failed write leaves the old file and no temporary one', async () => {
    const { root } = await openWorkspace();
    const path = join(root, 'folder');
    await mkdir(join(path, 'inside'), { recursive: true });
    // A folder that is not empty cannot be replaced by rename.
    await expect(writeFileAtomic(path, 'x')).rejects.toThrow();
    expect(await readdir(root)).toEqual(['folder']);
    expect(await readdir(path)).toEqual(['inside']);
  });

  test('replaces a link by a file of its own instead of writing through it', async () => {
    const { root } = await openWorkspace();
    await writeFile(join(root, 'elsewhere'), 'theirs');
    await symlink(join(root, 'elsewhere'), join(root, 'ours'));
    await writeFileAtomic(join(root, 'ours'), 'new');
    expect(await readFile(join(root, 'elsewhere'), 'utf8')).toBe('theirs');
  });

  test('a reader never sees anything but a whole version while the writer is killed', async () => {
    const { root } = await openWorkspace();
    const path = join(root, 'state.json');
    const size = 200_000;
    await writeFileAtomic(path, 'a'.repeat(size));
    const script = `
      import { writeFileAtomic } from ${JSON.stringify(source)};
      for (let i = 0; ; i += 1) {
        await writeFileAtomic(${JSON.stringify(path)}, 'abcdefgh'[i % 8].repeat(${size}));
        process.stdout.write('.');
      }`;
    for (let round = 0; round < 12; round += 1) {
      const writer = execa(process.execPath, ['--input-type=module', '-e', script], {
        reject: false,
        buffer: false,
      });
      // Killed after a varying number of writes, at whatever instruction that is.
      let dots = 0;
      for await (const chunk of writer.stdout as AsyncIterable<Uint8Array>) {
        dots += chunk.length;
        if (dots > round * 3) break;
      }
      writer.kill('SIGKILL');
      await writer;
      const text = await readFile(path, 'utf8');
      expect(text.length).toBe(size);
      expect(new Set(text).size).toBe(1);
    }
  });
});

test('readTextIfExists tells absence from trouble', async () => {
  const { root } = await openWorkspace();
  expect(await readTextIfExists(join(root, 'none'))).toBeUndefined();
  await expect(readTextIfExists(root)).rejects.toSatisfy((error) => isErrno(error, 'EISDIR'));
});

test.runIf(process.platform === 'linux')(
  'a file system that cannot sync a folder is no failure',
  async () => {
    const proc = await open('/proc', 'r');
    await expect(proc.sync()).rejects.toThrow('EINVAL');
    await proc.close();
    await syncFolder('/proc');
  },
);

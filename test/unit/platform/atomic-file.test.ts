import { mkdir, open, readFile, readdir, stat, symlink, writeFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import {
  isErrno,
  readTextIfExists,
  syncFolder,
  writeFileAtomic,
  replaceFile,
} from '../../../src/platform/atomic-file.ts';
import { platformOf } from '../../../src/platform/platform.ts';
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

describe('replacing a file that somebody has open', () => {
  /** Refused so often, as Windows does it; then it is a real rename. */
  async function attempt(platform: NodeJS.Platform, refusals: readonly string[]) {
    const { root } = await openWorkspace();
    const [from, to] = [join(root, 'new'), join(root, 'state.json')];
    await Promise.all([writeFile(from, 'new'), writeFile(to, 'old')]);
    const left = [...refusals];
    const slept: number[] = [];
    const end = await replaceFile(from, to, {
      platform: platformOf(platform),
      rename: (...names) => {
        const code = left.shift();
        if (code === undefined) return rename(...names);
        return Promise.reject(Object.assign(new Error(code), { code }));
      },
      clock: { sleep: (ms) => Promise.resolve(void slept.push(ms)) },
    }).catch((error: unknown) => error);
    const text = await readFile(to, 'utf8');
    return {
      end,
      text,
      tries: refusals.length - left.length,
      waited: slept.reduce((a, b) => a + b, 0),
    };
  }

  test('is done on Windows as soon as it is let go', async () => {
    for (const refusals of [['EPERM', 'EBUSY'], ['EACCES'], []]) {
      const { end, text, tries } = await attempt('win32', refusals);
      expect([end, text, tries]).toEqual([undefined, 'new', refusals.length]);
    }
  });

  test('fails on Windows after some seconds, and leaves the old one', async () => {
    const { end, text, waited } = await attempt('win32', Array<string>(100).fill('EBUSY'));
    expect(isErrno(end, 'EBUSY')).toBe(true);
    expect(text).toBe('old');
    expect(waited).toBe(2500);
  });

  test.each([
    ['linux', 'EPERM'],
    ['darwin', 'EACCES'],
    ['win32', 'ENOSPC'],
  ] as const)('is not tried again on %s after %s', async (platform, code) => {
    const { end, text, tries } = await attempt(platform, [code, code]);
    expect(isErrno(end, code)).toBe(true);
    expect([text, tries]).toEqual(['old', 1]);
  });
});

test.each([
  ['as it is', Buffer.from('{"a":"é"}')],
  ['after a mark', Buffer.from('\ufeff{"a":"é"}')],
  ['as UTF-16', Buffer.from('\ufeff{"a":"é"}', 'utf16le')],
  ['as UTF-16 of other machines', Buffer.from('\ufeff{"a":"é"}', 'utf16le').swap16()],
])('readTextIfExists reads text %s', async (_how, bytes) => {
  const { root } = await openWorkspace();
  await writeFile(join(root, 'file'), bytes);
  expect(await readTextIfExists(join(root, 'file'))).toBe('{"a":"é"}');
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

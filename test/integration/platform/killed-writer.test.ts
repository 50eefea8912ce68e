import { fileURLToPath } from 'node:url';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeFileAtomic } from '../../../src/platform/atomic-file.ts';
import { openWorkspace } from '../../support/workspace.ts';

const child = fileURLToPath(new URL('../../support/killed-writer.ts', import.meta.url));
const writer = new URL('../../../src/platform/atomic-file.ts', import.meta.url).href;

/** Writes in a child that dies at `step`; false when it lived. */
function writeAndDie(path: string, text: string, step: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [child, writer, path, text, String(step)], (error, _out, stderr) => {
      if (error === null) resolve(false);
      else if (error.signal === 'SIGKILL') resolve(true);
      else reject(new Error(stderr));
    });
  });
}

test.each([
  ['a file that was there', 'the old text, all of it'],
  ['a file that was not there', undefined],
])('a writer killed at any step leaves %s as it was, or the new one whole', async (_what, old) => {
  const { root } = await openWorkspace();
  const next = 'the new text, which is longer than the old one';
  const seen = new Set<string | undefined>();
  let step = 0;
  for (; ; step += 1) {
    const folder = join(root, String(step));
    const path = join(folder, 'rclone.conf');
    await mkdir(folder);
    if (old !== undefined) await writeFile(path, old, { mode: 0o600 });
    const died = await writeAndDie(path, next, step);
    const now = await readFile(path, 'utf8').catch(() => undefined);
    expect([old, next]).toContain(now);
    seen.add(now);
    if (now !== undefined) expect((await stat(path)).mode & 0o777).toBe(0o600);
    // What a dead writer leaves is hidden, for this user only, and no later writer trips over it.
    const rest = (await readdir(folder)).filter((name) => name !== 'rclone.conf');
    for (const name of rest) {
      expect(name).toMatch(/^\.rclone\.conf\.[0-9a-f]{12}\.tmp$/);
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    }
    await writeFileAtomic(path, 'again');
    expect(await readFile(path, 'utf8')).toBe('again');
    if (!died) break;
  }
  expect(step).toBeGreaterThanOrEqual(6);
  expect(seen).toEqual(new Set([old, next]));
});

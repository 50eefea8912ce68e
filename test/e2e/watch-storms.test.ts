import { execFile } from 'node:child_process';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openPerson } from '../support/person.ts';
import {
  expectEqual,
  isSymlink,
  watching,
  type WatchingPerson,
} from '../support/watching-person.ts';

/** Two people whose folders are watched, and a storage that takes its time. */
async function pair(): Promise<[WatchingPerson, WatchingPerson]> {
  const laptop = await openPerson();
  const desk = await openPerson(laptop);
  const both = [await watching(laptop), await watching(desk)] as const;
  laptop.server.objectStore.faults.set({ latencyMs: 20 });
  return [...both];
}

async function write(folder: string, path: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
}

it('npm installs thousands of files, and takes a part of them away again', async () => {
  const [laptop, desk] = await pair();
  const { folder } = laptop;
  // What is called so is not synced by default; the same under another name is.
  for (const place of ['node_modules', 'web/vendor']) {
    const packages = place === 'node_modules' ? 20 : 150;
    for (let index = 0; index < packages; index += 1) {
      const at = `${place}/${index % 10 === 0 ? '@scope/' : ''}package-${index}`;
      const files = ['package.json', 'index.js', 'README.md', 'lib/a.js', 'lib/deep/er/b.js'];
      const more = Array.from({ length: 15 }, (_, each) => `dist/part-${each % 5}/${each}.js`);
      await Promise.all(
        [...files, ...more].map((path) => write(folder, `${at}/${path}`, `${at}/${path}`)),
      );
      await mkdir(join(folder, place, '.bin'), { recursive: true });
      await symlink(`../package-${index}/index.js`, join(folder, place, '.bin', `run-${index}`));
    }
  }
  for (let index = 1; index < 150; index += 10) {
    await rm(join(folder, `web/vendor/package-${index}`), { recursive: true });
    await rm(join(folder, `web/vendor/.bin/run-${index}`));
  }
  const files = await expectEqual([laptop, desk]);
  expect([...files.keys()].filter((path) => path.startsWith('web/vendor/'))).toHaveLength(135 * 20);
  expect(await isSymlink(join(folder, 'web/vendor/.bin/run-2'))).toBe(true);
  const listed = await desk.cloud('bisync', '--dry-run', '--json');
  expect(listed.stdout).not.toContain('node_modules');
}, 300_000);

it('git checks out one branch after the other while they are being synced', async () => {
  const [laptop, desk] = await pair();
  const { folder, env } = laptop;
  const repository = join(folder, 'repository');
  await mkdir(repository);
  const git = (...args: string[]): Promise<unknown> =>
    promisify(execFile)(
      'git',
      ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-C', repository, ...args],
      { env },
    );
  await git('init', '-q', '-b', 'main');
  const commit = async (message: string): Promise<void> => {
    await git('add', '-A');
    await git('commit', '-q', '-m', message);
  };
  for (let index = 0; index < 200; index += 1) {
    await write(repository, `src/part-${index % 10}/${index}.ts`, `export const n = ${index};\n`);
  }
  await commit('main');
  await git('checkout', '-q', '-b', 'topic');
  for (let index = 0; index < 200; index += 4) {
    const path = `src/part-${index % 10}/${index}.ts`;
    if (index % 8 === 0) await rm(join(repository, path));
    else await write(repository, path, `export const n = 'topic ${index}';\n`);
  }
  await rename(join(repository, 'src/part-3'), join(repository, 'src/moved-3'));
  for (let index = 0; index < 60; index += 1)
    await write(repository, `topic/${index}.md`, `${index}`);
  await commit('topic');
  for (const branch of ['main', 'topic', 'main', 'topic', 'main']) {
    await git('checkout', '-q', branch);
    await delay(700);
  }
  await expectEqual([laptop, desk]);
  await git('checkout', '-q', 'topic');
  const files = await expectEqual([laptop, desk]);
  expect(files.get('repository/topic/59.md')).toBe('59');
  expect(files.get('repository/src/part-4/4.ts')).toContain('topic 4');
  expect([...files.keys()].some((path) => path.startsWith('repository/src/part-3/'))).toBe(false);
}, 300_000);

it('editors save every 100 ms, and a folder is renamed while it is being uploaded', async () => {
  const [laptop, desk] = await pair();
  const { folder } = laptop;
  const content = 'x'.repeat(20_000);
  const names = Array.from({ length: 400 }, (_, index) => `day-${index % 7}/photo-${index}.raw`);
  let text = '';
  for (let save = 0; save < 80; save += 1) {
    text += `line ${save}\n`;
    // One editor writes another file in its place, as vim does, the other writes into it.
    await writeFile(join(folder, '.novel.md.swp'), text);
    await rename(join(folder, '.novel.md.swp'), join(folder, 'novel.md'));
    await writeFile(join(folder, 'in-place.md'), text);
    const part = names.slice(save * 10, save * 10 + 10);
    await Promise.all(part.map((name) => write(folder, `photos/${name}`, `${name} ${content}`)));
    if (save === 40) await rename(join(folder, 'photos'), join(folder, 'pictures'));
    if (save === 60) await rename(join(folder, 'pictures/day-1'), join(folder, 'pictures/monday'));
    await delay(100);
  }
  const files = await expectEqual([laptop, desk]);
  expect(files.get('novel.md')).toBe(text);
  expect(files.get('in-place.md')).toBe(text);
  const photos = [...files.keys()].filter((path) => /photo-\d+\.raw$/.test(path));
  expect(photos).toHaveLength(400);
  expect(photos.filter((path) => path.startsWith('photos/'))).toEqual([]);
}, 300_000);

import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { copyFile, glob, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface Change {
  where: 'here' | 'in the bucket';
  what: string;
  count: number;
}

/** Edited on both sides between two syncs. */
export const CONTESTED = 'package-a/README.md';

const SOURCES = ['@oclif/core', 'fastify', 'kysely', 'zod'];

/** Copies the Markdown and TypeScript of installed packages; answers how many files there are. */
export async function makeTree(folder: string): Promise<number> {
  let files = 0;
  for (const [index, source] of SOURCES.entries()) {
    const from = fileURLToPath(new URL(`../../node_modules/${source}/`, import.meta.url));
    const to = join(folder, `package-${'abcdefgh'[index] ?? index}`);
    for await (const path of glob('**/*.{md,ts}', { cwd: from, exclude: ['**/node_modules/**'] })) {
      if (files >= 100 * (index + 1)) break;
      await mkdir(dirname(join(to, path)), { recursive: true });
      await copyFile(join(from, path), join(to, path));
      files += 1;
    }
  }
  return files;
}

/** Adds, edits, deletes and renames; the contested file is edited too. */
export async function changeLocally(folder: string): Promise<Change[]> {
  const paths = await listTree(folder);
  const edited = paths.filter((path) => path.startsWith('package-b/')).slice(0, 10);
  for (const path of edited) await writeFile(join(folder, path), `edited ${path}\n`);
  await mkdir(join(folder, 'notes'), { recursive: true });
  for (let index = 0; index < 5; index += 1) {
    await writeFile(
      join(folder, 'notes', `ein Gedanke Nº ${index} + more.md`),
      `thought ${index}\n`,
    );
  }
  const deleted = paths.filter((path) => path.startsWith('package-c/')).slice(0, 3);
  for (const path of deleted) await rm(join(folder, path));
  const moved = paths.find((path) => path.startsWith('package-d/')) ?? '';
  await rename(join(folder, moved), join(folder, 'moved.ts'));
  await writeFile(join(folder, CONTESTED), 'edited here, on the laptop\n');
  return [
    { where: 'here', what: 'edited', count: edited.length + 1 },
    { where: 'here', what: 'added', count: 5 },
    { where: 'here', what: 'deleted', count: deleted.length },
    { where: 'here', what: 'renamed', count: 1 },
  ];
}

/** Relative paths of the files that are synced, sorted; our own hidden files are not. */
export async function listTree(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of glob('**/*', { cwd: folder, withFileTypes: true })) {
    if (entry.isFile()) paths.push(join(entry.parentPath, entry.name).slice(folder.length + 1));
  }
  return paths.sort();
}

/** path → MD5 in hex. */
export async function treeChecksums(folder: string): Promise<Map<string, string>> {
  const sums = new Map<string, string>();
  for (const path of await listTree(folder)) {
    sums.set(
      path,
      createHash('md5')
        .update(await readFile(join(folder, path)))
        .digest('hex'),
    );
  }
  return sums;
}

import { lstat, readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { expect } from 'vitest';
import type { Person } from './person.ts';
import { startCloud, type RunningCloud } from './running-cloud.ts';

/** A person whose folder is watched by the built binary. */
export interface WatchingPerson extends Person {
  watcher: RunningCloud;
  /** Regular files, without ours and without repositories: path → content. */
  files(): Promise<Map<string, string>>;
}

export async function watching(person: Person): Promise<WatchingPerson> {
  const watcher = startCloud(['bisync', '--watch'], person.env);
  await watcher.until(({ type, state }) => type === 'state' && state === 'idle');
  return { ...person, watcher, files: () => filesBelow(person.folder) };
}

async function filesBelow(root: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = relative(root, join(entry.parentPath, entry.name));
    if (!entry.isFile() || /(?:^|\/)(?:\.git\/|node_modules\/|\.cloud-)/.test(path)) continue;
    files.set(path, await readFile(join(root, path), 'utf8'));
  }
  return files;
}

/** Everything has come to rest: the same here, there and in the bucket, and no conflict was made. */
export async function expectEqual(people: readonly WatchingPerson[]): Promise<Map<string, string>> {
  // The second flush takes what the first has brought from the others.
  for (const { cloud } of [...people, ...people]) {
    const flushed = await cloud('flush');
    expect(flushed.exitCode, flushed.stdout + flushed.stderr).toBe(0);
  }
  const [first, ...others] = await Promise.all(people.map(({ files }) => files()));
  for (const files of others) {
    expect([...files.keys()].sort()).toEqual([...first!.keys()].sort());
    expect(files).toEqual(first);
  }
  for (const { cloud, watcher } of people) {
    const check = await cloud('check');
    expect(check.exitCode, check.stdout).toBe(0);
    expect(watcher.lines.filter(({ type }) => type === 'conflict')).toEqual([]);
  }
  expect([...first!.keys()].filter((path) => path.includes('(conflict'))).toEqual([]);
  return first!;
}

export async function isSymlink(path: string): Promise<boolean> {
  return (await lstat(path)).isSymbolicLink();
}

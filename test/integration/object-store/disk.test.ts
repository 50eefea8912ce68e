import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { startObjectStore } from '../../../src/object-store/index.ts';
import { ADMIN, openStore, temporaryFolder } from './support.ts';

const reason = 'needs root on Linux, to mount a small file system';
const able = process.platform === 'linux' && process.getuid?.() === 0;
if (!able) {
  if (process.env['CI'] !== undefined) throw new Error(`test/…/disk.test.ts ${reason}`);
  console.log(`skipped: a full and a read-only disk: ${reason}`);
}

/** A file system of so many megabytes, gone when the test ends. */
async function smallDisk(megabytes: number): Promise<string> {
  const folder = join(await temporaryFolder(), 'disk');
  await mkdir(folder);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  onTestFinished(() => void execFileSync('umount', ['-l', folder]));
  return folder;
}

it.runIf(able)('a full disk refuses writes, keeps what it has, and serves on', async () => {
  const { fetch } = await openStore({ folder: await smallDisk(8) });
  await fetch('/notes', { method: 'PUT' });
  const acknowledged: string[] = [];
  const codes = new Set<string>();
  for (let index = 0; index < 300 && codes.size === 0; index += 1) {
    // Bodies of both kinds: in the index and in files.
    const body = Buffer.alloc(index % 2 === 0 ? 40_000 : 400_000, index);
    const response = await fetch(`/notes/k${index}`, { method: 'PUT', body });
    if (response.status === 200) acknowledged.push(`k${index}`);
    else
      codes.add(
        `${response.status} ${/<Code>(.*)<\/Code>/.exec(await response.text())?.[1] ?? ''}`,
      );
  }
  expect([...codes]).toEqual(['507 InsufficientStorage']);
  expect(acknowledged.length).toBeGreaterThan(5);
  for (const key of acknowledged) {
    const index = Number(key.slice(1));
    const got = Buffer.from(await (await fetch(`/notes/${key}`)).arrayBuffer());
    expect(got.equals(Buffer.alloc(index % 2 === 0 ? 40_000 : 400_000, index))).toBe(true);
  }
  const listed = await (await fetch('/notes?list-type=2')).text();
  expect(listed).toContain(`<KeyCount>${acknowledged.length}</KeyCount>`);
  // Room is made by deleting large objects; then writes are taken again.
  for (const key of acknowledged.filter((name) => Number(name.slice(1)) % 2 === 1)) {
    await fetch(`/notes/${key}`, { method: 'DELETE' });
  }
  await expect
    .poll(async () => (await fetch('/notes/again', { method: 'PUT', body: 'x' })).status)
    .toBe(200);
});

it.runIf(able)('a read-only disk is named at the start', async () => {
  const folder = await smallDisk(4);
  execFileSync('mount', ['-o', 'remount,ro', folder]);
  await expect(startObjectStore({ folder, admin: ADMIN })).rejects.toMatchObject({
    name: 'StoreStartError',
    kind: 'folder-not-writable',
  });
});

import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { AbortError } from '../../../src/output/errors.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';
import { makeSmallDisk } from '../../support/unwritable.ts';
import { startWatchedBucket } from '../../support/watched.ts';

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

/** Mounted now. */
async function diskIn(
  root: string,
  name: string,
): Promise<{ mount: () => void; unmount: () => void }> {
  const [disk, place] = [`${root}.disk`, join(root, name)];
  await makeSmallDisk(disk, 1 << 20);
  await mkdir(place);
  const mount = (): void => void execFileSync('mount', ['--bind', disk, place]);
  const unmount = (): void => void execFileSync('umount', ['--lazy', place]);
  mount();
  onTestFinished(() => {
    if (statSync(place).dev !== statSync(root).dev) unmount();
  });
  return { mount, unmount };
}

it.skipIf(!canMount)(
  'a disk inside the folder that is not mounted is not taken for deleted, nor written beneath',
  async () => {
    const { bucket, laptop } = await laptopAndBucket();
    const { mount, unmount } = await diskIn(laptop.root, 'photos');
    await laptop.write('photos/1.jpg', 'first');
    for (let index = 0; index < 20; index += 1) await laptop.write(`f${index}.md`, `${index}`);
    await laptop.sync();
    unmount();
    await laptop.write('f1.md', 'edited');
    const halted = { code: 'halted-root-emptied', exitCode: 78 };
    // One file, which the guards by number would let go; deleted here, and then edited there.
    for (const there of ['first', 'edited by another device']) {
      await bucket.put('photos/1.jpg', there);
      await expect(laptop.sync()).rejects.toMatchObject(halted);
      expect(await bucket.get('photos/1.jpg')).toBe(there);
      expect(await laptop.read('photos/1.jpg')).toBeUndefined();
    }
    mount();
    expect((await laptop.sync()).counts).toMatchObject({
      uploaded: 1,
      downloaded: 1,
      conflicts: 0,
    });
    expect(await laptop.read('photos/1.jpg')).toBe('edited by another device');
    unmount();
    const planId = await laptop
      .sync()
      .catch((error: unknown) => (error as AbortError).details['planId']);
    expect((await laptop.sync({ approve: planId as string })).counts.deletedRemote).toBe(1);
    expect((await laptop.sync()).exitCode).toBe(0);
    mount();
    expect((await laptop.sync()).counts).toMatchObject({ uploaded: 1 });
    expect(await laptop.files()).toEqual(await bucket.objects());
  },
  240_000,
);

it.skipIf(!canMount)(
  'nor does a watcher bring there what is edited elsewhere',
  async () => {
    const bucket = await startWatchedBucket();
    onTestFinished(() => bucket[Symbol.asyncDispose]());
    const device = await bucket.device('laptop');
    const { unmount } = await diskIn(device.root, 'photos');
    await device.write('photos/1.jpg', 'first');
    await device.write('a.md', 'a');
    const watcher = await device.watch();
    await vi.waitFor(() => expect(watcher.view().state).toBe('idle'), 200_000);
    const ended = watcher.done.catch((error: unknown) => error);
    unmount();
    await bucket.put('photos/1.jpg', 'edited by another device');
    expect(await ended).toMatchObject({ code: 'halted-root-emptied' });
    expect(await device.read('photos/1.jpg')).toBeUndefined();
    expect(await bucket.get('photos/1.jpg')).toBe('edited by another device');
  },
  240_000,
);

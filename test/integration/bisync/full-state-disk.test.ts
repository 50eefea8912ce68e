import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testBucket, testDevice } from '../../support/test-devices.ts';
import { makeSmallDisk } from '../../support/unwritable.ts';

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

it.skipIf(!canMount)(
  'without room for its own state a sync takes no file away, and the next one with room ends it',
  async () => {
    const bucket = await testBucket();
    const laptop = await testDevice(bucket, 'laptop');
    const disk = laptop.host.places.state;
    await makeSmallDisk(disk, 2 << 20);
    const filler = join(disk, 'filler');
    const names = Array.from({ length: 30 }, (_, index) => `a-file-with-a-longer-name-${index}.md`);
    for (const name of names) await laptop.write(name, 'first');
    await laptop.sync();
    // So many blocks are left that it ends between the two names of some of the files.
    for (const blocks of [3, 4, 5]) {
      for (const name of names) await bucket.put(name, `with ${blocks} blocks`);
      const { bavail, bsize } = await statfs(disk);
      await writeFile(filler, Buffer.alloc((bavail - blocks) * bsize));
      await expect(laptop.sync()).rejects.toThrow('ENOSPC');
      expect([...(await laptop.files()).keys()].sort()).toEqual([...names].sort());
      await rm(filler);
      const { exitCode, counts } = await laptop.sync();
      expect({ exitCode, conflicts: counts.conflicts }).toEqual({ exitCode: 0, conflicts: 0 });
      expect(await laptop.files()).toEqual(await bucket.objects());
    }
  },
  300_000,
);

import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { testBucket, testDevice } from '../../support/test-devices.ts';

let bucket: TestBucket;
beforeEach(async () => {
  bucket = await testBucket();
});

async function device(name: string): Promise<Device> {
  const opened = await testDevice(bucket, name);
  return opened;
}

const keys = async (): Promise<string[]> => [...(await bucket.objects()).keys()].sort();

describe('a change of what is ignored', () => {
  it('leaves what is ignored from now on where it is, on both sides and every device', async () => {
    const [laptop, desktop] = [await device('laptop'), await device('desktop')];
    for (const path of ['note.md', 'build/a.bin', 'build/b.bin', 'x/build/c.bin']) {
      await laptop.write(path, `first ${path}`);
    }
    await laptop.sync();
    await desktop.sync();

    await laptop.write('.cloudignore', 'build/\n');
    const ignoring = await laptop.sync();
    expect(ignoring).toMatchObject({
      exitCode: 0,
      counts: { uploaded: 1, deletedRemote: 0, deletedLocal: 0 },
    });
    // Gone and changed here: nothing of it goes anywhere.
    await laptop.remove('build/a.bin');
    await laptop.write('build/b.bin', 'changed here');
    expect((await laptop.sync()).counts).toMatchObject({ uploaded: 0, deletedRemote: 0 });
    expect(await bucket.get('build/a.bin')).toBe('first build/a.bin');
    expect(await bucket.get('build/b.bin')).toBe('first build/b.bin');

    // The other device gets the file and then follows it.
    expect((await desktop.sync()).counts).toMatchObject({ downloaded: 1, deletedLocal: 0 });
    await desktop.write('build/b.bin', 'changed there');
    await desktop.remove('x/build/c.bin');
    expect((await desktop.sync()).counts).toMatchObject({ uploaded: 0, deletedRemote: 0 });
    expect(await desktop.read('build/a.bin')).toBe('first build/a.bin');
    expect(await bucket.get('x/build/c.bin')).toBe('first x/build/c.bin');
    expect(await laptop.read('build/b.bin')).toBe('changed here');
  });

  it('unites what is no longer ignored, and deletes nothing', async () => {
    const laptop = await device('laptop');
    for (const name of ['same', 'deleted', 'edited', 'both']) {
      await laptop.write(`build/${name}`, name);
    }
    await laptop.sync();
    await laptop.write('.cloudignore', 'build/\n');
    await laptop.sync();
    await laptop.remove('build/deleted');
    await laptop.write('build/edited', 'edited here');
    await laptop.write('build/both', 'both, here');
    await laptop.write('build/new', 'new here');
    await bucket.remove('build/same');
    await bucket.put('build/both', 'both, there');
    await laptop.sync();
    await laptop.remove('.cloudignore');
    const united = await laptop.sync();
    expect(united.counts).toMatchObject({ deletedLocal: 0 });
    // What was deleted on one side only is on the other one, so it is on both again.
    expect(await keys()).toEqual([...(await laptop.files()).keys()].sort());
    expect(await bucket.get('build/same')).toBe('same');
    expect(await laptop.read('build/deleted')).toBe('deleted');
    const contents = [...(await bucket.objects()).values()];
    expect(contents).toEqual(
      expect.arrayContaining(['edited here', 'edited', 'both, here', 'both, there', 'new here']),
    );
    expect(united.conflicts.map(({ path }) => path).sort()).toEqual(['build/both', 'build/edited']);
  });

  it('that is taken back before a run has no effect', async () => {
    const laptop = await device('laptop');
    await laptop.write('a.log', 'a');
    await laptop.write('b.md', 'b');
    await laptop.sync();
    await laptop.write('.cloudignore', '*.log\n');
    await laptop.sync({ dryRun: true });
    await laptop.remove('.cloudignore');
    await laptop.remove('a.log');
    expect((await laptop.sync()).counts).toMatchObject({ deletedRemote: 1, downloaded: 0 });
  });
});

describe('ignore files', () => {
  it('apply in the folder they are in, and the default list can be taken back', async () => {
    const laptop = await device('laptop');
    await laptop.write('.cloudignore', '*.log\n!node_modules/\n!.cloud-access\n');
    await laptop.write('docs/.cloudignore', '!keep.log\n/draft\n');
    const out = ['a.log', 'other/keep.log', 'docs/draft/x.md', 'docs/.cloud-tmp-1', '.git/config'];
    const synced = ['docs/keep.log', 'draft/x.md', 'node_modules/m/index.js'];
    for (const path of [...out, ...synced]) await laptop.write(path, path);
    await laptop.sync();
    expect(await keys()).toEqual(['.cloudignore', 'docs/.cloudignore', ...synced].sort());
  });

  it('named .gitignore count when that is asked for', async () => {
    const laptop = await device('laptop');
    await laptop.write('.gitignore', '*.env\nsecret/\n');
    await laptop.write('.cloudignore', '!shared.env\n');
    for (const path of ['a.env', 'shared.env', 'secret/x', 'n.md']) await laptop.write(path, path);
    await laptop.sync({ gitignore: true });
    expect(await keys()).toEqual(['.cloudignore', '.gitignore', 'n.md', 'shared.env']);
    expect((await laptop.sync()).counts).toMatchObject({ uploaded: 2, deletedRemote: 0 });
  });

  it('that cannot be read stop what they are about, and nothing else', async () => {
    const laptop = await device('laptop');
    await laptop.write('n.md', 'n');
    await laptop.write('private/.cloudignore', 'keys\n');
    await laptop.write('private/keys', 'secret');
    await chmod(join(laptop.root, 'private', '.cloudignore'), 0);
    const unreadable = await runBound(laptop);
    expect(unreadable.problems).toMatchObject([{ path: 'private', reason: 'unreadable' }]);
    expect(await keys()).toEqual(['n.md']);
    await laptop.write('.cloudignore', 'n.md');
    await chmod(join(laptop.root, '.cloudignore'), 0);
    expect(await runBound(laptop)).toMatchObject({ code: 'filters-unreadable' });
  });

  it('are no symlinks, and a folder of that name is a folder', async () => {
    const laptop = await device('laptop');
    await writeFile(join(laptop.root, '..', 'rules'), '*\n');
    await symlink('../rules', join(laptop.root, '.cloudignore'));
    await mkdir(join(laptop.root, 'x/.cloudignore'), { recursive: true });
    await laptop.write('x/n.md', 'n');
    await laptop.sync();
    expect(await keys()).toEqual(['x/n.md']);
    await rm(join(laptop.root, '.cloudignore'));
  });
});

interface Outcome {
  code?: string;
  problems?: { path: string; reason: string }[];
}

/** A sync that permission bits bind even where this is root. */
async function runBound(laptop: Device): Promise<Outcome> {
  const child = await laptop.spawn({}, { bound: true });
  let out = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  const last = JSON.parse(out.trim().split('\n').at(-1) ?? '{}') as Outcome & { result?: Outcome };
  return last.result ?? last;
}

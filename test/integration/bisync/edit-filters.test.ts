import { watch } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { editFilters } from '../../../src/bisync/edit-filters.ts';
import { laptopAndBucket } from '../../support/test-devices.ts';

it('an edited ignore file is in place at once, and a kill leaves nothing that is synced', async () => {
  const { laptop, bucket } = await laptopAndBucket();
  await laptop.write('a.md', 'a');
  await laptop.sync();
  const editor = join(laptop.root, '..', 'editor');
  await writeFile(editor, '#!/bin/sh\necho "private/" > "$1"\n', { mode: 0o755 });
  // Each name that appears in the folder meanwhile may be the last thing that a killed process did.
  const names = new Set<string>();
  const watcher = watch(laptop.root, (_type, name) => void names.add(name ?? ''));
  const host = { ...laptop.host, env: { ...laptop.host.env, EDITOR: editor } };
  const file = join(laptop.root, '.cloudignore');
  expect(await editFilters(laptop.root, host)).toEqual({ file, changed: true });
  await vi.waitFor(() => expect([...names]).toContain('.cloudignore'));
  watcher.close();
  expect(await readFile(file, 'utf8')).toBe('private/\n');
  expect((await stat(file)).mode & 0o777).toBe(0o644);

  const others = [...names].filter((name) => name !== '.cloudignore');
  expect(others).not.toEqual([]);
  for (const name of others) await laptop.write(name, 'half a rul');
  expect(await laptop.sync()).toMatchObject({ exitCode: 0, counts: { uploaded: 1 } });
  expect([...(await bucket.objects()).keys()]).toEqual(['.cloudignore', 'a.md']);
  // A run takes away what was left.
  for (const name of others) expect(await laptop.read(name)).toBeUndefined();
});

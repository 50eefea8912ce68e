import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openPerson, type Person } from '../support/person.ts';

interface HistoryDocument {
  entries: { id: string | null; what: string; by: string | null; where: string | null }[];
  withoutCloud: string | null;
}

const note = (person: Person, name: string): Promise<string> =>
  readFile(join(person.folder, name), 'utf8');

it('what a sync did is taken back for everybody, and an undo is taken back too', async () => {
  const ada = await openPerson();
  const bob = await openPerson(ada);
  await writeFile(join(ada.folder, 'n0.md'), 'a bad idea');
  await rm(join(ada.folder, 'n1.md'));
  await writeFile(join(ada.folder, 'new.md'), 'another bad idea');
  expect((await ada.cloud('bisync')).exitCode).toBe(0);
  await bob.cloud('bisync');
  expect(await note(bob, 'n0.md')).toBe('a bad idea');

  const list = await ada.cloud('undo', '--list');
  expect(list.stdout).toMatch(
    /^RUN +TIME +WHAT +CHANGES\n[0-9a-f]{6} .* cloud bisync +1 changed, 1 added, 1 deleted/,
  );
  const planned = await ada.cloud('undo', '--dry-run');
  expect(planned).toMatchObject({ exitCode: 0 });
  expect(planned.stdout).toContain('This would take back cloud bisync of ');
  expect(planned.stdout).toContain('n0.md: 1 B from the cloud');
  expect(await note(ada, 'n0.md')).toBe('a bad idea');

  const undone = await ada.cloud('undo');
  expect(undone).toMatchObject({ exitCode: 0 });
  expect(undone.stdout).toContain('new.md: removed (the trash has it)');
  expect([await note(ada, 'n0.md'), await note(ada, 'n1.md')]).toEqual(['0', '1']);
  await bob.cloud('bisync');
  expect([await note(bob, 'n0.md'), await note(bob, 'n1.md')]).toEqual(['0', '1']);
  expect(await readdir(bob.folder)).not.toContain('new.md');

  const again = JSON.parse((await ada.cloud('undo', '--json')).stdout) as {
    exitCode: number;
    done: unknown[];
  };
  expect(again).toMatchObject({
    exitCode: 0,
    done: expect.objectContaining({ length: 3 }) as unknown,
  });
  expect(await note(ada, 'n0.md')).toBe('a bad idea');
  expect((await ada.cloud('bisync')).stdout).toContain('Nothing to move');
  expect((await ada.cloud('undo', 'zzzzzz')).exitCode).toBe(2);
}, 180_000);

it('a file has a history, and each version of it comes back, from the cloud or the trash', async () => {
  const ada = await openPerson();
  const bob = await openPerson(ada);
  for (const text of ['first', 'second']) {
    await writeFile(join(ada.folder, 'n0.md'), text);
    await ada.cloud('bisync');
  }
  await bob.cloud('bisync');
  await writeFile(join(bob.folder, 'n0.md'), 'of bob');
  await bob.cloud('bisync');
  await ada.cloud('bisync');
  const shown = await ada.cloud('history', 'n0.md', '--json');
  const { entries } = JSON.parse(shown.stdout) as HistoryDocument;
  expect(entries.map(({ what, by }) => [what, by])).toEqual([
    ['changed', 'another device'],
    ['changed', 'this device'],
    ['changed', 'this device'],
    ['added', 'this device'],
  ]);
  const [, , first] = entries;
  const put = await ada.cloud('restore', 'n0.md', '--version', first!.id!);
  expect(put).toMatchObject({ exitCode: 0 });
  expect(await note(ada, 'n0.md')).toBe('first');
  await bob.cloud('bisync');
  expect(await note(bob, 'n0.md')).toBe('first');

  const trash = JSON.parse((await ada.cloud('trash', 'list', '--json')).stdout) as {
    files: { path: string }[];
    total: { files: number };
  };
  expect(trash.files.map(({ path }) => path)).toEqual(['n0.md', 'n0.md']);
  await ada.cloud('trash', 'restore', 'n0.md', '--to', join(ada.folder, '..', 'elsewhere'));
  expect(await readFile(join(ada.folder, '..', 'elsewhere', 'n0.md'), 'utf8')).toBe('of bob');

  await rm(join(ada.folder, 'n0.md'));
  await ada.cloud('bisync');
  expect(await ada.cloud('restore', 'n0.md')).toMatchObject({ exitCode: 0 });
  expect(await note(ada, 'n0.md')).toBe('first');

  expect((await ada.cloud('restore', 'never.md')).exitCode).toBe(1);
  expect((await ada.cloud('restore', '../x')).exitCode).toBe(2);
  expect((await ada.cloud('restore', 'n0.md', '--version', '12')).exitCode).toBe(2);
  expect((await ada.cloud('restore', 'n0.md', '--at', 'noonish')).exitCode).toBe(2);
  expect((await ada.cloud('trash', 'empty')).exitCode).toBe(2);
  expect((await ada.cloud('trash', 'empty', '--yes')).stdout).toContain('from the trash');
  expect((await ada.cloud('trash', 'list')).stdout).toContain('The trash is empty.');

  await ada.server.close();
  const offline = JSON.parse(
    (await ada.cloud('history', 'n0.md', '--json')).stdout,
  ) as HistoryDocument;
  expect(offline.withoutCloud).toContain('Cannot reach');
  expect(offline.entries.length).toBeGreaterThan(4);
  expect((await ada.cloud('undo')).exitCode).toBe(5);
}, 180_000);

it('a snapshot shows the bucket as it was, and a sync that was approved begins with one', async () => {
  const ada = await openPerson();
  expect((await ada.cloud('snapshot', 'list')).stderr).toContain('No snapshot');
  const taken = await ada.cloud('snapshot', 'create', '--name', 'at noon', '--json');
  const { version } = JSON.parse(taken.stdout) as { version: string };
  for (let index = 0; index < 8; index += 1) await rm(join(ada.folder, `n${index}.md`));
  const halted = await ada.cloud('bisync', '--json');
  expect(halted.exitCode).toBe(78);
  const { error } = JSON.parse(halted.stderr) as { error: { details: { planId: string } } };
  const approved = await ada.cloud('bisync', '--approve', error.details.planId);
  expect(approved).toMatchObject({ exitCode: 0 });
  expect(approved.stderr).toContain('The bucket as it was is snapshot "before an approved sync ');
  const list = JSON.parse((await ada.cloud('snapshot', 'list', '--json')).stdout) as {
    name: string;
  }[];
  expect(list.map(({ name }) => name)).toEqual(['at noon', expect.stringContaining('approved')]);
  for (const at of [version, 'at noon', list[1]!.name]) {
    const browsed = await ada.cloud('snapshot', 'browse', at, '--json');
    expect((JSON.parse(browsed.stdout) as { files: unknown[] }).files).toHaveLength(10);
  }
  expect((await ada.cloud('snapshot', 'browse', 'no such')).exitCode).toBe(2);
  const undone = await ada.cloud('undo');
  expect(undone).toMatchObject({ exitCode: 0 });
  expect(await note(ada, 'n7.md')).toBe('7');
}, 180_000);

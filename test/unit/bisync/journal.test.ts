import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Journal, readJournal, type JournalRecord } from '../../../src/bisync/journal.ts';

it('a line that a full disk tore does not swallow the next record', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloud-journal-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const journal = new Journal(folder);
  const other = await open(join(folder, 'other'), 'w');
  const calls = Object.getPrototypeOf(other) as FileHandle;
  await other.close();
  // A full disk takes the part of a write that still fits.
  const full = vi.spyOn(calls, 'appendFile').mockImplementationOnce(async function (
    this: FileHandle,
    data,
  ) {
    await this.write((data as string).slice(0, 20));
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  });
  onTestFinished(() => full.mockRestore());
  const put: JournalRecord = { type: 'put', path: 'a.md', size: 1, md5: 'm' };
  const aside: JournalRecord = { type: 'aside', path: 'b.md', aside: '/trash/b.md', md5: 'm' };
  await expect(journal.write(put)).rejects.toMatchObject({ code: 'ENOSPC' });
  await journal.write(aside);
  await journal.close();
  expect(await readJournal(folder)).toEqual([aside]);
});

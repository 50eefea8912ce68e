import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examplesOf, NUMBER, row, TIME } from '../../support/help-reader.ts';

examplesOf('undo', (reader) => {
  test('taking back', async () => {
    const { home, playAll, beforehand, inBucket, inHome, write } = reader();
    await mkdir(join(home, 'notes', 'notes'), { recursive: true });
    await write('notes/notes/plan.md', 'first');
    await beforehand(
      'cloud login --token-stdin < key.txt; cloud setup --mode bisync --path ~/notes --yes',
    );
    await write('notes/notes/plan.md', 'second');
    await beforehand('cloud bisync');
    const onBothSides = (text: string) => ({
      then: async () => {
        expect(await inHome('notes/notes/plan.md')).toBe(text);
        expect(await inBucket('notes/plan.md')).toBe(text);
      },
    });
    await playAll([
      ['cloud history notes/plan.md', /changed +this device +6 B[^]*added +this device +5 B/],
      [
        'cloud history notes/plan.md --json',
        {
          entries: [
            { what: 'changed', size: 6 },
            { what: 'added', size: 5 },
          ],
        },
      ],
      ['cloud undo --list', /cloud bisync +1 changed\n/],
      ['cloud undo --dry-run', /notes\/plan\.md: 5 B from the cloud/, onBothSides('second')],
      ['cloud undo', /Taken back: cloud bisync/, onBothSides('first')],
      ['cloud restore notes/plan.md', /Put back on both sides/, onBothSides('second')],
      [
        'cloud restore notes --at 2h --to /tmp/notes-of-noon',
        /Put back in .*notes-of-noon/,
        {
          swap: { '--at 2h': '--at 1s', '/tmp/notes-of-noon': '~/notes-of-noon' },
          then: async () =>
            expect(await inHome('notes-of-noon/notes/plan.md')).toMatch(/^(first|second)$/),
        },
      ],
      ['cloud trash list', /notes\/plan\.md +5 B [^]*notes\/plan\.md +6 B /],
      [
        'cloud trash list notes --json',
        {
          files: [
            { path: 'notes/plan.md', size: 5 },
            { path: 'notes/plan.md', size: 6 },
          ],
        },
      ],
      [
        'cloud trash restore notes/plan.md --to /tmp',
        /Put back in/,
        {
          swap: { ' /tmp': ' ~/restored' },
          then: async () => expect(await inHome('restored/plan.md')).toBe('first'),
        },
      ],
      ['cloud trash restore notes/plan.md', /Put back on both sides/, onBothSides('first')],
      ['cloud trash empty --older-than 7d', /--yes/, { exitCode: 2 }],
      [
        'cloud trash empty --yes',
        /Removed \d+ files from the trash/,
        {
          then: async () =>
            expect(JSON.parse(await beforehand('cloud trash list --json'))).toMatchObject({
              files: [],
            }),
        },
      ],
      ['cloud snapshot create --name "before the move"', /before the move taken at .*: \d+/],
      ['cloud snapshot create --json', { version: NUMBER, name: null, created_at: TIME }],
      ['cloud snapshot list', /before the move +\d+\n.* \d+\n/],
      ['cloud snapshot list --output tsv', /^20\S+\tbefore the move\t\d+$/m],
      [
        'cloud snapshot browse "before the move" --json',
        { files: row({ path: 'notes/plan.md', size: 5 }) },
      ],
      ['cloud snapshot browse 2h notes/', /5 B +notes\/plan\.md/, { swap: { ' 2h ': ' 0s ' } }],
    ]);
  });

  test('conflicts', async () => {
    const { home, playAll, beforehand, bucket, inBucket, write } = reader();
    const other = { CLOUD_HOME: join(home, '.other'), CLOUD_PATH: join(home, 'other') };
    const elsewhere = Object.entries(other)
      .map(([name, value]) => `${name}='${value}'`)
      .join(' ');
    await beforehand(
      `${elsewhere} cloud setup --mode bisync --context other --token-stdin --yes < key.txt`,
    );
    const conflict = async (text: string): Promise<void> => {
      await write('other/notes/plan.md', `${text} there`);
      await beforehand(`${elsewhere} cloud bisync`);
      await write('notes/notes/plan.md', `${text} here, and longer`);
      await beforehand('cloud bisync --conflicts none || test $? = 3');
    };
    /** One file again, and it is ours. */
    const resolved = (text: string) => ({
      then: async () => {
        expect(await readdir(join(home, 'notes/notes'))).toEqual(['plan.md']);
        await beforehand('cloud bisync');
        expect(await inBucket('notes/plan.md')).toBe(text);
        expect([...(await (await bucket()).objects()).keys()]).toEqual(['notes/plan.md']);
      },
    });
    await conflict('one');
    const DIFF = /^-one there$[^]*^\+one here, and longer$/m;
    await playAll([
      ['cloud conflicts list', /notes\/plan\.md +open .* 20 B \* .* 9 B/],
      ['cloud conflicts list --json', { conflicts: [{ path: 'notes/plan.md', open: true }] }],
      ['cloud conflicts show notes/plan.md', /Local +20 B, .* newer; is the copy\nCloud +9 B/],
      [
        'cloud conflicts show notes/plan.md --json',
        { conflicts: [{ sides: { local: { size: 20 }, cloud: { size: 9 } }, newer: 'local' }] },
      ],
      ['cloud conflicts diff notes/plan.md', DIFF],
      ['cloud conflicts diff notes/plan.md | less', DIFF],
      [
        'cloud conflicts resolve notes/plan.md --keep local',
        /notes\/plan\.md is the local version now/,
        resolved('one here, and longer'),
      ],
    ]);
    await beforehand(`${elsewhere} cloud bisync`);
    await conflict('two');
    await playAll([
      [
        'cloud conflicts resolve --all --keep newer --yes',
        /is the local version now/,
        resolved('two here, and longer'),
      ],
    ]);
  });
});

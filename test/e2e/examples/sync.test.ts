import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examplesOf, row, TIME } from '../../support/help-reader.ts';

examplesOf('sync', (reader) => {
  test('a synced folder', async () => {
    const { home, playAll, beforehand, inBucket, inHome, write } = reader();
    const isPaused = async () =>
      (JSON.parse(await beforehand('cloud status --json')) as { folders: { paused: unknown }[] })
        .folders[0]!.paused;
    await mkdir(join(home, 'notes', 'notes'), { recursive: true });
    await write('notes/notes/plan.md', 'first');
    await beforehand(
      'cloud login --token-stdin < key.txt; cloud setup --mode bisync --path ~/notes --yes',
    );
    await playAll([
      [
        'cloud bisync',
        /: 1 uploaded \(3 B\)/,
        {
          first: () => write('notes/list.md', 'one'),
          then: async () => expect(await inBucket('list.md')).toBe('one'),
        },
      ],
      [
        'cloud bisync --profile safe --dry-run',
        /list\.md/,
        {
          first: () => write('notes/list.md', 'one and two'),
          then: async () => expect(await inBucket('list.md')).toBe('one'),
        },
      ],
      ['cloud check', /list\.md/, { exitCode: 8 }],
      ['cloud check --json', { equal: 1, different: ['list.md'], onlyLocal: [] }, { exitCode: 8 }],
      [
        'cloud bisync --watch',
        /uploaded: list\.md[^]*idle/,
        {
          goesOn: true,
          then: async () => expect(await inBucket('list.md')).toBe('one and two'),
        },
      ],
      ['cloud activity', /uploaded +notes\/plan\.md +5 B\n[^]*uploaded +list\.md +11 B/],
      [
        'cloud activity notes/ --limit 5',
        /uploaded +notes\/plan\.md/,
        {
          then: async ({ printed }) => {
            expect(printed).not.toContain('list.md');
            return Promise.resolve();
          },
        },
      ],
      ['cloud activity --follow --json', /"path":"list\.md".*"type":"uploaded"/, { goesOn: true }],
      [
        'cloud flush',
        /are equal/,
        {
          first: () => rm(join(home, 'notes/list.md')),
          then: async () => expect(await inBucket('list.md')).toBeUndefined(),
        },
      ],
      [
        'cloud flush --timeout 2m && echo "safe in the bucket"',
        /are equal[^]*\nsafe in the bucket/,
        {
          first: () => write('notes/.cloudignore', 'build/\n'),
          then: async () => expect(await inBucket('.cloudignore')).toBe('build/\n'),
        },
      ],
      [
        'cloud pause',
        /is paused until cloud resume/,
        { then: async () => expect(await isPaused()).not.toBeNull() },
      ],
      [
        'cloud resume',
        /Nothing is paused/,
        { then: async () => expect(await isPaused()).toBeNull() },
      ],
      [
        'cloud pause --for 1h',
        /is paused until \d\d:\d\d:\d\d/,
        { then: async () => expect(await isPaused()).toMatchObject({ until: TIME }) },
      ],
      [
        'cloud resume --path ~/notes',
        /Nothing is paused/,
        { then: async () => expect(await isPaused()).toBeNull() },
      ],
      ['cloud status', /Folder +.*\/notes\n[^]*State +idle: Both sides agree/],
      ['cloud status --json', { folders: [{ root: join(home, 'notes'), state: 'idle' }] }],
      ['cloud doctor', /The server answers at [^]*All is well: 0 failures/],
      [
        'cloud doctor --fix',
        /0 failures/,
        {
          first: () => beforehand('chmod 644 .cloud/config/config.json'),
          then: async () =>
            expect((await stat(join(home, '.cloud/config/config.json'))).mode & 0o777).toBe(0o600),
        },
      ],
      ['cloud doctor --json', { findings: row({ check: 'server', level: 'ok' }) }],
      ['cloud filters show', /^build\/ +\.cloudignore/m],
      [
        'cloud filters show --gitignore --json',
        { gitignore: true, rules: row({ text: 'build/' }) },
      ],
      [
        'cloud filters show --rclone > rules.txt',
        /^$/,
        { then: async () => expect(await inHome('rules.txt')).toMatch(/^- .*build.*\/\*\*$/m) },
      ],
      ['cloud filters test notes/draft.md', /notes\/draft\.md: synced, no rule matches/],
      [
        'cloud filters test build/ a.log --json',
        {
          paths: [
            { path: 'build', ignored: true },
            { path: 'a.log', ignored: false },
          ],
        },
        { exitCode: 1 },
      ],
      [
        'EDITOR=nano cloud filters edit',
        /\.cloudignore/,
        {
          terminal: true,
          then: async () => expect(await inHome('notes/.cloudignore')).toBe('build/\n*.tmp\n'),
        },
      ],
      [
        'cloud filters edit',
        /\.cloudignore/,
        {
          terminal: true,
          then: async () =>
            expect(await inHome('notes/.cloudignore')).toBe('build/\n*.tmp\n*.tmp\n'),
        },
      ],
    ]);
    await rm(join(home, 'notes/.cloudignore'));
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Device, TestBucket } from '../../support/devices.ts';
import { fakeProgram } from '../../support/fake-program.ts';
import { realRclone } from '../../support/rclone.ts';
import { testBucket, testDevice } from '../../support/test-devices.ts';
import { openWorkspace } from '../../support/workspace.ts';

/** How rclone's local backend writes names on Windows, unless it is told (lib/encoder/os_windows.go). */
const WINDOWS_ENCODING = [
  ...['Slash', 'LtGt', 'DoubleQuote', 'Colon', 'Question', 'Asterisk', 'Pipe', 'BackSlash', 'Ctl'],
  ...['RightSpace', 'RightPeriod', 'InvalidUtf8', 'Dot'],
].join();

/** What NTFS does, which cannot be found out here. */
const WINDOWS_FOLDER = { names: { caseInsensitive: true } };

let bucket: TestBucket;
let laptop: Device;
beforeEach(async () => {
  bucket = await testBucket();
  const rclone = await realRclone();
  const path = await fakeProgram(
    (await openWorkspace()).root,
    'rclone',
    `export RCLONE_LOCAL_ENCODING="\${RCLONE_LOCAL_ENCODING:-${WINDOWS_ENCODING}}"
exec '${rclone.path}' "$@"`,
  );
  laptop = await testDevice(bucket, 'windows', { rclone: { ...rclone, path } });
  laptop.host.platform = 'win32';
});

it('the wide signs of Chinese and Japanese names are signs like others', async () => {
  await bucket.put('会議：議事録.md', 'from afar');
  await laptop.write('なぜ？.md', 'from here');
  await laptop.write('終わり．', 'a wide dot at its end');
  for (let round = 0; round < 2; round += 1) {
    expect(await laptop.sync({ full: true })).toMatchObject({ exitCode: 0, problems: [] });
    expect(await laptop.files()).toEqual(await bucket.objects());
    expect((await bucket.objects()).size).toBe(3);
  }
});

it('what Windows cannot hold stays in the bucket, is told each time, and harms nothing else', async () => {
  const unfit = [
    'CON.md',
    'a:b.md',
    'a:stream',
    'dir./x.md',
    'end. ',
    'lpt1',
    'q?.md',
    'x'.repeat(256),
  ];
  const unsafe = ['..\\..\\evil.md', 'C:\\evil.md', '\\\\server\\share\\evil.md', 'C:evil.md'];
  const folded = ['NOTE.md', 'Dir/b.md'];
  for (const key of [...unfit, ...unsafe]) await bucket.put(key, `of others: ${key}`);
  await bucket.put('note.md', 'first');
  await bucket.put('dir/a.md', 'a');
  await laptop.sync({}, WINDOWS_FOLDER);
  for (const key of folded) await bucket.put(key, `of others: ${key}`);
  await bucket.put('fine.md', 'fine');
  const before = await bucket.objects();
  for (const full of [false, true, true]) {
    const { problems, counts } = await laptop.sync({ full }, WINDOWS_FOLDER);
    expect(problems.map(({ path }) => path).sort()).toEqual(
      [...unfit, ...unsafe, ...folded].sort(),
    );
    for (const { path, message } of problems) expect(message).toContain(path);
    expect(counts).toMatchObject({ deletedLocal: 0, deletedRemote: 0, conflicts: 0 });
    expect(await bucket.objects()).toEqual(before);
    expect(Object.fromEntries(await laptop.files())).toEqual({
      ...{ 'note.md': 'first', 'dir/a.md': 'a', 'fine.md': 'fine' },
    });
  }
  // Deleting what is here deletes only that there.
  await laptop.remove('note.md');
  expect((await laptop.sync({}, WINDOWS_FOLDER)).counts).toMatchObject({ deletedRemote: 1 });
  before.delete('note.md');
  expect(await bucket.objects()).toEqual(before);
});

describe('an ignore file as Windows programs write it', () => {
  const rules = ['# build', 'build/', '*.tmp', '!keep.tmp'];
  const paths = ['build/a', 'a.tmp', 'keep.tmp', 'note.md'];

  it.each([
    ['line feeds', Buffer.from(rules.join('\n'))],
    ['both line ends', Buffer.from(`${rules.join('\r\n')}\r\n`)],
    ['both line ends after a byte order mark', Buffer.from(`\ufeff${rules.join('\r\n')}`)],
    // What `>` of Windows PowerShell makes.
    ['UTF-16', Buffer.from(`\ufeff${rules.join('\r\n')}\r\n`, 'utf16le')],
  ])('with %s means the same', async (_how, bytes) => {
    for (const path of paths) await laptop.write(path, path);
    await writeFile(join(laptop.root, '.cloudignore'), bytes);
    expect(await laptop.sync({ full: true })).toMatchObject({ exitCode: 0, problems: [] });
    expect([...(await bucket.objects()).keys()].sort()).toEqual([
      '.cloudignore',
      'keep.tmp',
      'note.md',
    ]);
  });
});

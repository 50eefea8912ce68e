import { beforeEach, expect, it } from 'vitest';
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

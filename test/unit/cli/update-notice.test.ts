import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { hearLatestVersion, heardLatestVersion } from '../../../src/api/latest-version.ts';
import { howToUpdate, updateNotice } from '../../../src/cli/update-notice.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { openWorkspace } from '../../support/workspace.ts';

const HOUR = 3_600_000;
const root = '/usr/lib/node_modules/cloud-cli';

async function open(version = '1.4.0') {
  const { host } = await openWorkspace();
  const clock = adjustableClock();
  const path = join(host.places.state, 'update.json');
  return {
    clock,
    path,
    notice: (heard?: string, mayTell = true) =>
      updateNotice({ places: host.places, clock }, { version, root }, { heard, mayTell }),
  };
}

describe('the update notice', () => {
  it('tells of a newer release at once, then once in a day', async () => {
    const { notice, clock, path } = await open();
    const line =
      'Version 1.5.0 of cloud is out; this is 1.4.0. npm install --global cloud-cli@1.5.0';
    expect(await notice('1.5.0')).toBe(line);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    clock.advance(23 * HOUR);
    expect(await notice('1.5.0')).toBeUndefined();
    // A release that comes meanwhile does not make it two lines a day.
    expect(await notice('1.6.0')).toBeUndefined();
    clock.advance(HOUR);
    expect(await notice()).toContain('1.6.0');
    clock.advance(-48 * HOUR);
    expect(await notice()).toContain('1.6.0');
  });

  it('keeps what is heard where nobody reads, for the next who does', async () => {
    const { notice } = await open();
    expect(await notice('1.5.0', false)).toBeUndefined();
    expect(await notice()).toContain('1.5.0');
  });

  it.each(['1.4.0', '1.3.9', '0.9.9'])('says and writes nothing of %s', async (heard) => {
    const { notice, path } = await open();
    expect(await notice(heard)).toBeUndefined();
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('believes the server that answered last', async () => {
    const { notice } = await open();
    await notice('99.0.0', false);
    expect(await notice('1.4.0')).toBeUndefined();
    expect(await notice()).toBeUndefined();
  });

  it('counts a version before a release as older than it', async () => {
    expect(await (await open('1.5.0-beta.2')).notice('1.5.0')).toContain('1.5.0');
    expect(await (await open('1.6.0-beta.2')).notice('1.5.0')).toBeUndefined();
    expect(await (await open('1.9.0')).notice('1.10.0')).toContain('1.10.0');
  });

  it.each(['', '{', '{"version":"\\u001b[2J","told_at":null}', '[]'])(
    'takes %j in its file for nothing',
    async (text) => {
      const { notice, path } = await open();
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      expect(await notice()).toBeUndefined();
      expect(await notice('1.5.0')).toContain('1.5.0');
      expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ version: '1.5.0' });
    },
  );

  it('says nothing where it cannot note that it has', async () => {
    const { notice, path } = await open();
    await mkdir(dirname(dirname(path)), { recursive: true });
    await writeFile(dirname(path), 'a file where the folder should be');
    expect(await notice('1.5.0')).toBeUndefined();
  });
});

test('a header that is no release is not heard', () => {
  for (const value of ['1.5', '1.5.0-beta.1', 'v1.5.0', '1.5.0\u001b[2J', ['1.5.0'], undefined]) {
    hearLatestVersion({ 'cloud-latest-version': value });
  }
  expect(heardLatestVersion()).toBeUndefined();
  hearLatestVersion({ 'cloud-latest-version': '1.5.0' });
  hearLatestVersion({ 'cloud-latest-version': '1.5' });
  expect(heardLatestVersion()).toBe('1.5.0');
});

test.each([
  ['/usr/lib/node_modules/cloud-cli', 'npm install --global cloud-cli@1.5.0'],
  ['C:\\Users\\ada\\AppData\\Roaming\\npm\\node_modules\\cloud-cli', 'npm install --global'],
  ['/home/ada/.local/share/pnpm/global/5/node_modules/cloud-cli', 'pnpm add --global'],
  ['/home/ada/.bun/install/global/node_modules/cloud-cli', 'bun add --global'],
  ['/home/ada/.npm/_npx/1b2c/node_modules/cloud-cli', 'npx cloud-cli@1.5.0'],
  ['/opt/cloud-cli', 'Unpack it in place of /opt/cloud-cli'],
  ['/home/ada/cloud', 'git pull && npm ci && npm run build'],
])('%s: %s', (folder, how) => {
  const isCheckout = (path: string) => path === join('/home/ada/cloud', '.git');
  expect(howToUpdate(folder, '1.5.0', isCheckout)).toContain(how);
});

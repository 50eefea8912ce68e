import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { rcloneConfigPath, writeRemote } from '../../../src/rclone/config-file.ts';
import { remoteSettings } from '../../../src/rclone/remote-settings.ts';
import { openWorkspace } from '../../support/workspace.ts';

const tigris = { endpoint: 'https://t3.storage.example', region: 'auto' };

describe('writeRemote', () => {
  test('writes a remote without secrets, for this user only', async () => {
    const { host } = await openWorkspace();
    const path = await writeRemote(host, { name: 'cloud-acme', ...tigris });
    expect(path).toBe(rcloneConfigPath(host));
    expect(await readFile(path, 'utf8')).toBe(
      [
        '[cloud-acme]',
        'type = s3',
        'provider = Other',
        'endpoint = https://t3.storage.example',
        'region = auto',
        'force_path_style = false',
        'list_version = 2',
        'no_check_bucket = true',
        'encoding = Slash,InvalidUtf8',
        'env_auth = true',
        '',
      ].join('\n'),
    );
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('keeps the other remotes, replaces its own, and leaves an equal file alone', async () => {
    const { host } = await openWorkspace();
    await writeRemote(host, { name: 'cloud-a', ...tigris });
    const path = await writeRemote(host, {
      name: 'cloud-b',
      endpoint: 'http://127.0.0.1:1',
      region: 'r',
    });
    await writeRemote(host, { name: 'cloud-a', endpoint: 'https://new.example', region: 'auto' });
    const text = await readFile(path, 'utf8');
    expect(text.match(/^\[/gm)).toHaveLength(2);
    expect(text).toContain('https://new.example');
    expect(text).not.toContain('t3.storage');
    const { ino } = await stat(path);
    await writeRemote(host, { name: 'cloud-b', endpoint: 'http://127.0.0.1:1', region: 'r' });
    expect((await stat(path)).ino).toBe(ino);
  });

  test('loses none when several write at once', async () => {
    const { host } = await openWorkspace();
    const names = Array.from({ length: 12 }, (_, index) => `cloud-${index}`);
    await Promise.all(names.map((name) => writeRemote(host, { name, ...tigris })));
    const text = await readFile(rcloneConfigPath(host), 'utf8');
    for (const name of names) expect(text).toContain(`[${name}]`);
  });

  test('refuses an encrypted file and leaves it as it was', async () => {
    const { host } = await openWorkspace();
    const text = '# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc\n';
    await mkdir(host.places.config, { recursive: true });
    await writeFile(rcloneConfigPath(host), text);
    await expect(writeRemote(host, { name: 'cloud-a', ...tigris })).rejects.toMatchObject({
      code: 'rclone-config-damaged',
      exitCode: 78,
    });
    expect(await readFile(rcloneConfigPath(host), 'utf8')).toBe(text);
  });
});

test.each([
  ['http://127.0.0.1:9000', 'true'],
  ['http://[::1]:9000', 'true'],
  ['http://localhost:9000', 'true'],
  ['https://t3.storage.example', 'false'],
])('buckets of %s are addressed by path: %s', (endpoint, pathStyle) => {
  expect(remoteSettings({ endpoint, region: 'auto' })['force_path_style']).toBe(pathStyle);
});

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { updateConfiguration } from '../../src/session/configuration.ts';
import { runCloud } from '../support/run-cloud.ts';
import { openWorkspace, type Workspace } from '../support/workspace.ts';

interface Listed {
  key: string;
  value: unknown;
  origin: string;
}

/** A folder two levels below one with this project file. */
async function project(user: Workspace, file: unknown): Promise<string> {
  const folder = join(user.root, 'project', 'deep', 'er');
  await mkdir(folder, { recursive: true });
  const text = typeof file === 'string' ? file : JSON.stringify(file);
  await writeFile(join(user.root, 'project', '.cloud.json'), text);
  return folder;
}

describe('settings', () => {
  test('a flag goes before the environment, project, configuration and default', async () => {
    const user = await openWorkspace();
    const cwd = await project(user, { profile: 'safe' });
    const profile = async (more: { env?: object; flags?: string[]; cwd?: string } = {}) => {
      const env = { ...user.env, ...more.env };
      const args = ['config', 'list', '--json', ...(more.flags ?? [])];
      const run = await runCloud(args, { env, cwd: more.cwd ?? cwd });
      const all = JSON.parse(run.stdout) as Listed[];
      const { value, origin } = all.find(({ key }) => key === 'profile')!;
      return [value, origin.split(' /')[0]];
    };
    const away = { cwd: user.root };
    expect(await profile(away)).toEqual(['balanced', 'default']);
    await runCloud(['config', 'set', 'profile', 'fast'], { env: user.env });
    expect(await profile(away)).toEqual(['fast', 'configuration']);
    expect(await profile()).toEqual(['safe', 'project file']);
    // As Windows PowerShell writes it.
    const bytes = Buffer.from('\ufeff{\r\n  "profile": "safe"\r\n}\r\n', 'utf16le');
    await writeFile(join(user.root, 'project', '.cloud.json'), bytes);
    expect(await profile()).toEqual(['safe', 'project file']);
    const env = { CLOUD_PROFILE: 'balanced' };
    expect(await profile({ env })).toEqual(['balanced', 'environment CLOUD_PROFILE']);
    await runCloud(['config', 'set', 'profile', '--unset'], { env: user.env });
    expect(await profile(away)).toEqual(['balanced', 'default']);
    const server = await runCloud(
      ['config', 'get', 'server', '--server', 'http://127.0.0.1:1', '--json'],
      { env: { ...user.env, CLOUD_SERVER: 'http://127.0.0.1:2' }, cwd },
    );
    expect(JSON.parse(server.stdout)).toMatchObject({
      ...{ value: 'http://127.0.0.1:1', origin: 'flag --server' },
    });
  }, 120_000);

  test.each([
    ['not JSON', '{', 'project-file-damaged'],
    ['a list', [], 'project-file-damaged'],
    ['a secret by its name', { token: 'x' }, 'secret-in-project-file'],
    ['a secret by its form', { path: `cloud_key_${'a'.repeat(12)}_x` }, 'secret-in-project-file'],
    ['a program to run', { rclone: './evil' }, 'project-file-damaged'],
    ['a folder outside', { path: '../../..' }, 'project-file-damaged'],
    ['an absolute folder', { path: '/etc' }, 'project-file-damaged'],
    ['a slip of the fingers', { profil: 'safe' }, 'project-file-damaged'],
    ['a value that is none', { profile: 'reckless' }, 'project-file-damaged'],
    ['an unknown server', { server: 'https://elsewhere.example' }, 'untrusted-server'],
  ])('a project file with %s is 78', async (_, file, code) => {
    const user = await openWorkspace();
    const cwd = await project(user, file);
    const run = await runCloud(['whoami', '--json'], { env: user.env, cwd });
    expect(run).toMatchObject({ exitCode: 78, stdout: '' });
    expect(JSON.parse(run.stderr)).toMatchObject({ error: { code } });
    expect(run.stderr).not.toContain('cloud_key_aaaaaaaaaaaa_x');
  });

  test('a project chooses among the contexts; its server counts where somebody signed in', async () => {
    const user = await openWorkspace();
    const tenant = { id: 't', slug: 's', name: 'S' };
    await updateConfiguration(user.host, (configuration) => {
      for (const name of ['one', 'two']) {
        const server = `http://127.0.0.1:9/${name}`;
        configuration.contexts[name] = { server, tenant, account: name };
      }
      configuration.currentContext = 'one';
    });
    const asked = async (cwd: string, env = {}): Promise<string> =>
      (await runCloud(['whoami'], { env: { ...user.env, CLOUD_TOKEN: 'eyJ', ...env }, cwd }))
        .stderr;
    expect(await asked(user.root)).toContain('127.0.0.1:9/one');
    expect(await asked(await project(user, { context: 'two' }))).toContain('127.0.0.1:9/two');
    const byServer = await project(user, { server: 'http://127.0.0.1:9/two' });
    expect(await asked(byServer)).toContain('127.0.0.1:9/two');
    // What the person says goes before it.
    expect(await asked(byServer, { CLOUD_CONTEXT: 'one' })).toContain('127.0.0.1:9/one');
  }, 120_000);

  test.each([
    [['set', 'profil', 'fast'], 'unknown-setting', 'Did you mean profile?'],
    [['set', 'profile', 'reckless'], 'invalid-setting', 'safe, balanced, fast'],
    [['set', 'context', 'x'], 'not-settable', 'cloud context use'],
    [['set', 'token', 'x'], 'unknown-setting', 'cloud login'],
    [['set', 'server', 'x'], 'bad-server-url', 'https://'],
    [['set', 'profile'], 'usage', ''],
    [['get', 'nothing-like-it'], 'unknown-setting', 'Settings:'],
  ])('config %j is 2', async (args, code, hint) => {
    const { env } = await openWorkspace();
    const run = await runCloud(['config', ...args, '--json'], { env });
    expect(run).toMatchObject({ exitCode: 2, stdout: '' });
    expect(JSON.parse(run.stderr)).toMatchObject({ error: { code } });
    expect(run.stderr).toContain(hint);
  });
});

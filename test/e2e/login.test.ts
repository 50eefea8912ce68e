import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSecretStore } from '../../src/session/secret-store.ts';
import { STORED, storedSession } from '../../src/session/tokens.ts';
import { startAuthServer } from '../support/auth-server.ts';
import { fakeProgram } from '../support/fake-program.ts';
import { runCloud } from '../support/run-cloud.ts';
import { runOnTerminal } from '../support/terminal.ts';
import { openWorkspace } from '../support/workspace.ts';

const SPACED = 'B C D F - G H J K';

describe('cloud login on a terminal', () => {
  test('shows a code, opens the browser where there is one, and is signed in', async () => {
    const server = await startAuthServer();
    server.deviceAnswers.push('authorization_pending');
    const { env, host, root } = await openWorkspace();
    const opened = join(root, 'opened');
    // `open` runs xdg-open by name once it is bundled.
    await fakeProgram(root, 'xdg-open', `echo "$1" > ${opened}`);
    const withDisplay = { ...env, DISPLAY: ':99', PATH: `${root}:${env['PATH']}` };
    const run = await runOnTerminal(`login --server ${server.url}`, withDisplay, []);
    expect(run.exitCode).toBe(0);
    expect(run.screen).toContain(SPACED);
    expect(run.screen).toContain('It was opened in your browser.');
    expect(run.screen).toContain('Signed in to');
    expect(run.screen).toContain('as ada for Acme (context acme)');
    for (const line of run.screen.split(/\r?\n/)) expect(line.length).toBeLessThanOrEqual(80);
    await expect
      .poll(() => readFile(opened, 'utf8').catch(() => ''), { timeout: 10_000 })
      .toContain(`${server.url}/device?user_code=BCDF-GHJK`);
    expect(await storedSession('acme', openSecretStore(host))).toBeDefined();

    const who = await runCloud(['whoami', '--json'], { env });
    expect(JSON.parse(who.stdout)).toMatchObject({
      ...{ account: 'ada', role: 'editor', signed_in_by: 'session', secrets: 'file' },
      credential: { kind: 'session', label: 'a laptop' },
      tenant: { slug: 'acme' },
    });

    const out = await runCloud(['logout', '--json'], { env });
    expect(JSON.parse(out.stdout)).toMatchObject({ context: 'acme', session: 'revoked' });
    expect(server.revoked).toHaveLength(1);
    const again = await runCloud(['logout', '--json'], { env });
    expect(JSON.parse(again.stdout)).toMatchObject({ context: null });
  });

  test.each([
    ['over SSH', { DISPLAY: ':99', SSH_CONNECTION: '10.0.0.1 1 10.0.0.2 22' }, ''],
    ['with --no-browser', { DISPLAY: ':99' }, '--no-browser'],
    ['with CLOUD_BROWSER=0', { DISPLAY: ':99', CLOUD_BROWSER: '0' }, ''],
  ])('opens nothing %s', async (_, more, flag) => {
    const server = await startAuthServer();
    const { env, root } = await openWorkspace();
    await fakeProgram(root, 'xdg-open', 'exit 0');
    const run = await runOnTerminal(
      `login --server ${server.url} ${flag}`,
      { ...env, ...more, PATH: `${root}:${env['PATH']}` },
      [],
    );
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.screen).toContain(SPACED);
    expect(run.screen).not.toContain('opened in your browser');
  });

  test('Ctrl-C while the code waits ends with 130', async () => {
    const server = await startAuthServer();
    server.deviceAnswers.push(...Array.from({ length: 100 }, () => 'authorization_pending'));
    const { env, host } = await openWorkspace();
    const run = await runOnTerminal(`login --server ${server.url}`, env, [
      ['Ctrl-C gives up', '\u0003'],
    ]);
    expect(run).toMatchObject({ exitCode: 130 });
    expect(run.screen).toContain('Interrupted');
    expect(await openSecretStore(host).findCredentials(STORED.session)).toEqual([]);
  });

  test('refused in the browser is 4', async () => {
    const server = await startAuthServer();
    server.deviceAnswers.push('access_denied');
    const { env } = await openWorkspace();
    const run = await runOnTerminal(`login --server ${server.url}`, env, []);
    expect(run).toMatchObject({ exitCode: 4 });
    expect(run.screen).toContain('refused in the browser');
  });

  test('without a keychain a person is asked first; no stores nothing and asks for no code', async () => {
    const server = await startAuthServer();
    const { env } = await openWorkspace();
    delete env['CLOUD_INSECURE_STORAGE'];
    const refused = await runOnTerminal(`login --server ${server.url}`, env, [
      ['Use such a file?', 'n\r'],
    ]);
    expect(refused).toMatchObject({ exitCode: 78 });
    expect(refused.screen).toContain('--insecure-storage');
    expect(server.grants).toEqual([]);
    const agreed = await runOnTerminal(`login --server ${server.url}`, env, [
      ['Use such a file?', 'y\r'],
    ]);
    expect(agreed).toMatchObject({ exitCode: 0 });
    // Remembered: the next process is not asked and needs no variable.
    const who = await runCloud(['whoami', '--json'], { env });
    expect(JSON.parse(who.stdout)).toMatchObject({ secrets: 'file' });
  });
});

describe('cloud login without a terminal', () => {
  test('--device tells programs the code, then the result, as a line each', async () => {
    const server = await startAuthServer();
    const { env } = await openWorkspace();
    const run = await runCloud(['login', '--device', '--server', server.url, '--json'], { env });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    const [code, result] = run.stdout.trim().split('\n');
    expect(JSON.parse(code!)).toMatchObject({ type: 'device-code', user_code: 'BCDF-GHJK' });
    expect(JSON.parse(result!)).toMatchObject({ type: 'result', context: 'acme' });
  });

  test('in a pipe nothing waits for a person who is not there', async () => {
    const server = await startAuthServer();
    const { env } = await openWorkspace();
    const run = await runCloud(['login', '--server', server.url], { env });
    expect(run).toMatchObject({ exitCode: 4, stdout: '' });
    expect(run.stderr).toContain('--password-stdin');
    expect(server.grants).toEqual([]);
  });

  test('without a keychain and without a choice it is 78 and names the flag', async () => {
    const server = await startAuthServer();
    const { env } = await openWorkspace();
    delete env['CLOUD_INSECURE_STORAGE'];
    const args = ['login', '--device', '--server', server.url];
    const refused = await runCloud([...args, '--json'], { env });
    expect(refused.exitCode).toBe(78);
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'no-keychain' } });
    expect(refused.stderr).toContain('--insecure-storage');
    expect(server.grants).toEqual([]);
    expect(await runCloud([...args, '--insecure-storage'], { env })).toMatchObject({ exitCode: 0 });
  });

  test.each([
    [['--password-stdin'], 2],
    [['--username', 'ada', '--token-stdin'], 2],
    [['--username', 'ada'], 2],
    [['--context', '../x', '--device'], 2],
    [['--context', '__proto__', '--device'], 2],
  ])('%j is a mistake in the command line', async (args, exitCode) => {
    const server = await startAuthServer();
    const { env } = await openWorkspace();
    const run = await runCloud(['login', '--server', server.url, ...args], { env });
    expect(run).toMatchObject({ exitCode, stdout: '' });
    expect(run.stderr).toMatch(/^Error: /);
    expect(server.grants).toEqual([]);
  });

  test('logout --all offline forgets everything and says what was not ended', async () => {
    const server = await startAuthServer();
    const { env, root } = await openWorkspace();
    const login = ['login', '--device', '--server', server.url];
    await runCloud([...login, '--context', 'one'], { env });
    await runCloud([...login, '--context', 'two'], { env });
    const listed = await runCloud(['context', 'list', '--json'], { env });
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { name: 'one', current: false, account: 'ada', tenant: 'acme', server: server.url },
      { name: 'two', current: true },
    ]);
    const config = join(root, 'cloud', 'config', 'config.json');
    const text = await readFile(config, 'utf8');
    await writeFile(config, text.replaceAll(server.url, 'http://127.0.0.1:9'));
    const run = await runCloud(['logout', '--all'], { env });
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.stdout.match(/was not ended on the server/g)).toHaveLength(2);
    expect((await runCloud(['context', 'list'], { env })).stderr).toContain('There is none yet');
  });
});

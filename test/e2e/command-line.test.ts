import { fileURLToPath } from 'node:url';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { runCloud } from '../support/run-cloud.ts';
import { openWorkspace } from '../support/workspace.ts';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

describe('the command line', () => {
  test('--version has a fast path that agrees with package.json', async () => {
    const { env } = await openWorkspace();
    const { version } = JSON.parse(
      await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    const run = await runCloud(['--version'], { env });
    expect(run).toMatchObject({ exitCode: 0, stderr: '' });
    expect(run.stdout).toContain(`/${version} `);
  });

  test.each([
    ['help confilcts', 'Did you mean `cloud help conflicts`?'],
    ['help conflicts lst', 'Did you mean `cloud help conflicts list`?'],
    ['help enviroment', 'Did you mean `cloud help environment`?'],
    ['mount --profile fst', 'Did you mean fast?'],
    ['profiles show fst', 'Did you mean fast?'],
  ])('cloud %s names what was meant', async (line, guess) => {
    const { env } = await openWorkspace();
    const run = await runCloud(line.split(' '), { env });
    expect(run.exitCode).toBe(line.startsWith('help') ? 127 : 2);
    expect(run.stderr).toContain(guess);
  });

  test('root help fits on a screen and names the first commands', async () => {
    const { env } = await openWorkspace();
    const { stdout, exitCode } = await runCloud(['--help'], { env });
    expect(exitCode).toBe(0);
    for (const command of ['setup', 'mount', 'unmount', 'bisync', 'login']) {
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
    expect(stdout.split('\n').length).toBeLessThanOrEqual(40);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("a command's help says in one line how it is called, and of each flag what it does not go with", async () => {
    const { env } = await openWorkspace();
    const { stdout: login } = await runCloud(['login', '--help'], { env });
    expect(login).toContain('USAGE\n  $ cloud login [FLAGS]\n\n');
    expect(login.replaceAll(/\n +/g, ' ')).toContain(
      'Not with --username, --token-stdin, --no-issuer.',
    );
    expect(login.replaceAll(/\n +/g, ' ')).toContain('standard input. Only with --username.');
    expect(login.split('Sign in: by a code in the browser')).toHaveLength(2);
    const { stdout: resolve } = await runCloud(['conflicts', 'resolve', '--help'], { env });
    expect(resolve).toContain(
      '  $ cloud conflicts resolve [FILE...] --keep local|cloud|both|newer [FLAGS]\n',
    );
  });

  test.each([
    [['nonsense'], 127, 'unknown-command'],
    [['mount', '--bogus'], 2, 'usage'],
    [['mount', '--profile', 'reckless'], 2, 'unknown-profile'],
    [['whoami'], 10, 'not-set-up'],
    [['whoami', '--context', 'nobody'], 2, 'unknown-context'],
    [['login'], 4, 'no-token'],
    [['login', '--server', 'not a url'], 2, 'bad-server-url'],
  ])('%j ends with %i', async (args, exitCode, code) => {
    const { env } = await openWorkspace();
    const people = await runCloud(args, { env });
    expect(people.exitCode).toBe(exitCode);
    expect(people.stdout).toBe('');
    expect(people.stderr).toMatch(/^Error: /);
    const program = await runCloud([...args, '--json'], { env });
    expect(program.exitCode).toBe(exitCode);
    expect(program.stdout).toBe('');
    expect(JSON.parse(program.stderr)).toMatchObject({ error: { code, exitCode } });
  });

  test('a token given on standard input is never shown, not even when it is refused', async () => {
    const { env } = await openWorkspace();
    const token = `cloud_key_AbCdEf123456_${'s'.repeat(43)}00000000`;
    for (const extra of [[], ['--json'], ['--verbose']]) {
      const run = await runCloud(['login', '--token-stdin', ...extra], { env, input: token });
      expect(run.exitCode).toBe(4);
      expect(run.stdout + run.stderr).not.toContain('s'.repeat(43));
    }
  });

  test('a server that is not there is named, with exit code 5', async () => {
    const { env } = await openWorkspace();
    const key = await validKey();
    const run = await runCloud(['login', '--token-stdin', '--server', 'http://127.0.0.1:9'], {
      env,
      input: key,
    });
    expect(run.exitCode).toBe(5);
    expect(run.stderr).toContain('http://127.0.0.1:9');
  });

  test('output into a closed pipe is no error', async () => {
    const { env } = await openWorkspace();
    const run = await execa({
      shell: true,
      env,
      extendEnv: false,
      reject: false,
    })`${process.execPath} ${binary} --help | head -n 1; echo "\${PIPESTATUS[0]}" >&2`;
    expect(run.stdout.split('\n')).toHaveLength(1);
    expect(run.stderr).not.toContain('EPIPE');
  });

  test('a configuration that cannot be read is an error, not an empty one', async () => {
    const { env, host } = await openWorkspace();
    await runCloud(['login', '--server', 'http://127.0.0.1:9', '--token-stdin'], {
      env,
      input: await validKey(),
    });
    const { writeFileAtomic, ensurePrivateFolder } =
      await import('../../src/platform/atomic-file.ts');
    await ensurePrivateFolder(host.places.config);
    await writeFileAtomic(join(host.places.config, 'config.json'), '{"version": 99}');
    const run = await runCloud(['whoami', '--json'], { env });
    expect(run.exitCode).toBe(78);
    expect(JSON.parse(run.stderr)).toMatchObject({ error: { code: 'configuration-damaged' } });
  });
});

async function validKey(): Promise<string> {
  const { formatToken } = await import('../../src/api/contract/token.ts');
  return formatToken({ kind: 'key', id: 'AbCdEf123456', secret: 'k'.repeat(43) });
}

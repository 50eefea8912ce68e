import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { STORED } from '../../src/session/tokens.ts';
import { openSecretStore } from '../../src/session/secret-store.ts';
import { fakeProgram } from '../support/fake-program.ts';
import { realRclone, rememberRealRclone } from '../support/rclone.ts';
import { runCloud } from '../support/run-cloud.ts';
import { environmentsOf, processesDuring } from '../support/seen-processes.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { openWorkspace } from '../support/workspace.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
});
afterAll(() => server.close());

test('a whole session leaves no secret in a command line, a file, a log or an output', async () => {
  const { root, env, host } = await openWorkspace();
  const real = await realRclone();
  await rememberRealRclone(host);
  // Every rclone notes its own command line and environment, however short it lives.
  const notes = (await openWorkspace()).root;
  const noting = `{ printf '%s ' "$0" "$@"; echo; env; } > ${notes}/$$; exec ${real.path} "$@"`;
  // Our own temporary files lie where they are looked through too.
  env['TMPDIR'] = join(root, 'tmp');
  await mkdir(env['TMPDIR']);
  // What a person has for other work, which no rclone of ours may see.
  env['AWS_SECRET_ACCESS_KEY'] = 'of-another-account';
  env['RCLONE_S3_SECRET_ACCESS_KEY'] = 'of-another-account';
  env['CLOUD_RCLONE'] = await fakeProgram(root, 'rclone', noting);
  env['CLOUD_SERVER'] = server.url;
  env['RCLONE_CONFIG'] = join(root, 'home', 'my-rclone.conf');
  const folder = join(root, 'home', 'Cloud', 'acme');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'note.md'), '# hello\n');

  const mountPoint = join(root, 'home', 'CloudMount', 'acme');
  onTestFinished(async () => {
    await runCloud(['unmount', '--yes'], { env });
  });

  const outputs: string[] = [];
  const environments: string[] = [];
  const whileMounted: [path: string, text: string][] = [];
  const run = async (argv: readonly string[], exitCode: number, input?: string): Promise<void> => {
    const ended = await runCloud([...argv, '--verbose'], {
      env,
      ...(input === undefined ? {} : { input }),
    });
    expect(ended, `${argv.join(' ')}: ${ended.stderr}`).toMatchObject({ exitCode });
    outputs.push(ended.stdout, ended.stderr);
  };
  const seen = await processesDuring(async () => {
    const key = server.apiKeyOf('acme');
    await run(['setup', '--mode', 'bisync', '--token-stdin', '--yes'], 0, key);
    await writeFile(join(folder, 'second.md'), 'more\n');
    await run(['bisync', '--full'], 0);
    await run(['bisync', '--json'], 0);
    await run(['mount', '--profile', 'fast', '--path', mountPoint], 0);
    await writeFile(join(mountPoint, 'through-the-mount.md'), 'written there\n');
    environments.push(...(await environmentsOf(join(root, 'home'), '--rc-addr')));
    environments.push(...(await environmentsOf(join(root, 'home'), 'mount-supervise')));
    whileMounted.push(...(await filesBelow(root)));
    await run(['mount-status', '--json'], 0);
    await run(['unmount'], 0);
    await run(['rclone', 'export'], 0);
    await run(['whoami', '--json'], 0);
    await run(['login', '--token-stdin'], 4, `${key}x`);
  });

  const stored = async (service: string): Promise<string> =>
    (await openSecretStore(host).getPassword(service, 'acme')) ?? '';
  const bucketKey = JSON.parse(await stored(STORED.bucketKey)) as { secret_key: string };
  const token = JSON.parse(await stored(STORED.accessToken)) as { token: string };
  const secrets = [server.apiKeyOf('acme'), bucketKey.secret_key, token.token];
  expect(secrets.every((secret) => secret.length > 20)).toBe(true);
  const clear = (text: string): boolean => !secrets.some((secret) => text.includes(secret));

  const noted = (await filesBelow(notes)).map(([, text]) => {
    const end = text.indexOf('\n');
    return { argv: text.slice(0, end), environment: text.slice(end + 1) };
  });
  const commandLines = [...seen, ...noted.map(({ argv }) => argv)];
  expect(commandLines.some((line) => line.includes('--use-json-log'))).toBe(true);
  expect(commandLines.filter((line) => !clear(line))).toEqual([]);
  // Mounts hand their keys over a socket; only what is spawned for one sync has them around it.
  expect(environments).toHaveLength(2);
  expect(environments.filter((text) => !clear(text))).toEqual([]);
  const withKeys = noted.filter(({ environment }) => !clear(environment));
  expect(withKeys.length).toBeGreaterThan(2);
  for (const { argv, environment } of withKeys) {
    expect(argv).toMatch(/rclone bisync .*--dry-run/);
    const holding = environment.split('\n').filter((line) => !clear(line));
    expect(holding).toEqual([`AWS_SECRET_ACCESS_KEY=${bucketKey.secret_key}`]);
  }
  expect(noted.some(({ argv }) => argv.includes(' rcd '))).toBe(true);
  expect(noted.filter(({ environment }) => environment.includes('of-another'))).toEqual([]);
  expect(outputs.filter((text) => !clear(text))).toEqual([]);
  expect(clear(server.logs())).toBe(true);
  const files = [...whileMounted, ...(await filesBelow(root))];
  expect(files.some(([path]) => path.endsWith('.log'))).toBe(true);
  expect(files.filter(([, text]) => !clear(text)).map(([path]) => path)).toEqual([]);
  // The search would find them: the export that asks for the key has it.
  await run(['rclone', 'export', '--with-keys'], 0);
  expect(clear(await readFile(env['RCLONE_CONFIG'], 'utf8'))).toBe(false);
}, 120_000);

/** Every plain file below a folder with its bytes as text; what vanishes meanwhile is left out. */
async function filesBelow(folder: string): Promise<[path: string, text: string][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: [string, string][] = [];
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, 'latin1').catch(() => undefined);
    if (text !== undefined) found.push([path, text]);
  }
  return found;
}

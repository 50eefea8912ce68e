import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { textWidth } from '../../src/output/table.ts';
import { fakeProgram } from '../support/fake-program.ts';
import { PASSWORD } from '../support/identity.ts';
import { realRclone } from '../support/rclone.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const binary = resolve(import.meta.dirname, '../../bin/run.js');
const COLUMNS = 60;
const NAME = 'minutes of the meeting about the new meeting room.md';

let server: TestServer;
let home: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  server = await startTestServer({
    tenants: ['acme', 'department-of-redundancy'],
  });
  home = await mkdtemp(join(tmpdir(), 'cloud-narrow-'));
  await fakeProgram(join(home, 'bin'), 'cloud', `exec '${process.execPath}' '${binary}' "$@"`);
  await writeFile(join(home, 'admin-token'), server.adminToken, { mode: 0o600 });
  await writeFile(join(home, 'key'), server.apiKeyOf('acme'));
  await writeFile(join(home, 'password'), PASSWORD);
  await mkdir(join(home, 'notes', 'deep', 'below'), { recursive: true });
  await writeFile(join(home, 'notes', 'deep', 'below', NAME), 'first');
  env = {
    PATH: `${join(home, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    CLOUD_HOME: join(home, '.cloud'),
    CLOUD_INSECURE_STORAGE: '1',
    CLOUD_RCLONE: (await realRclone()).path,
    CLOUD_SERVER: server.url,
    CLOUD_ADMIN_TOKEN_FILE: join(home, 'admin-token'),
    XDG_RUNTIME_DIR: join(home, 'nowhere'),
    LANG: 'C.UTF-8',
    NO_COLOR: '1',
    TERM: 'xterm-256color',
  };
}, 60_000);
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true, force: true });
});

async function beforehand(script: string): Promise<void> {
  const run = await execa('bash', ['-euo', 'pipefail', '-c', script], {
    ...{ cwd: home, env, extendEnv: false, reject: false, stdin: 'ignore', all: true },
  });
  expect(run.exitCode, `${script}\n${run.all}`).toBe(0);
}

/** What each of these commands prints, one after the other on one terminal of 60 columns. */
async function screensOf(commands: readonly string[]): Promise<Map<string, string>> {
  const lines = commands.map((command, index) => `echo "=== ${index}"; cloud ${command}`);
  const script = [`stty cols ${COLUMNS} rows 24`, ...lines].join('\n');
  await writeFile(join(home, 'session.sh'), script);
  const run = await execa('script', ['-qec', `bash ${join(home, 'session.sh')}`, '/dev/null'], {
    // At the end of its input `script` may go on for ever.
    ...{ cwd: home, env, extendEnv: false, reject: false, stdin: 'pipe', timeout: 240_000 },
  });
  const parts = run.stdout.split(/^=== \d+\r?\n/m).slice(1);
  return new Map(commands.map((command, index) => [command, parts[index] ?? '']));
}

const SCREENS = [
  ...['status', 'doctor', 'activity', 'check', 'bisync --dry-run', 'whoami', 'trash list'],
  ...[`history 'deep/below/${NAME}'`, 'undo --list', 'undo --dry-run', 'snapshot list'],
  ...["snapshot browse 'before the great move of everything'", 'conflicts list'],
  ...[`conflicts show 'deep/below/${NAME}'`, 'api-keys list', 'credentials list'],
  ...['admin tenant list', 'admin tenant show acme', 'admin tenant member list acme'],
  ...['admin user list', 'admin user show ada', 'admin token list', 'admin audit list'],
  'admin jobs list',
];

/** Commands to copy and names of files are told whole, or they would be of no use. */
function mayBeLong(line: string): boolean {
  return (
    /(?:^|: |\s{2,})cloud [a-z]/.test(line) || /^(?:File|Copy) /.test(line) || /^\s*\S+$/.test(line)
  );
}

test('with content, each screen fits 60 columns, and says in words what it says', async () => {
  const other = `CLOUD_HOME='${join(home, '.other')}' CLOUD_PATH='${join(home, 'other')}'`;
  await beforehand(`
cloud setup --mode bisync --path ~/notes --yes --token-stdin < key
cloud api-keys add --label "build machine in the cellar" --scope mount:read
cloud snapshot create --name "before the great move of everything"
${other} cloud setup --mode bisync --context other --token-stdin --yes < key
echo there > 'other/deep/below/${NAME}'; echo gone > other/deep/gone.md; ${other} cloud bisync
echo 'here, and longer' > 'notes/deep/below/${NAME}'; cloud bisync --conflicts none || test $? = 3
rm other/deep/gone.md; ${other} cloud bisync || test $? = 3
cloud bisync --conflicts none || test $? = 3
cloud admin user add ada --name "Ada Augusta King, Countess of Lovelace" --email ada@analytical-engines.example
cloud admin tenant member add acme ada --role tenant_admin
cloud admin token add --label "deployment of everything else" --instance --scope tenants --scope users
`);
  const screens = await screensOf(SCREENS);
  const wrong: string[] = [];
  for (const [command, screen] of screens) {
    const lines = screen.split(/\r?\n/);
    expect(lines.filter((line) => line !== '').length, command).toBeGreaterThan(0);
    if (screen.includes('\u001b')) wrong.push(`${command}: an escape sequence`);
    for (const line of lines) {
      if (textWidth(line) > COLUMNS && !mayBeLong(line)) wrong.push(`${command}: ${line}`);
    }
  }
  expect(wrong).toEqual([]);
  // What is to be copied is whole, and so are times.
  const screenOf = (command: string): string => screens.get(command) ?? '';
  expect(screenOf('trash list')).toMatch(/ \d{8}T\d{9}Z-[0-9a-f]{6}/);
  expect(screenOf('api-keys list')).toMatch(/^[\w-]{12} /m);
  for (const command of ['activity', SCREENS[7] ?? '', 'api-keys list']) {
    expect(screenOf(command), command).not.toMatch(/\d{4}-\d\d-\d\d \d{0,2}(?::\d?)?…/);
  }
  for (const [command, word] of [
    ['status', 'conflicts'],
    ['doctor', '! warning'],
    ['conflicts list', 'open'],
    ['activity', 'deleted here'],
    ['admin tenant list', 'allowed'],
  ] as const) {
    expect(screenOf(command), command).toContain(word);
  }
}, 300_000);

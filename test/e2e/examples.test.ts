import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiClient, type ApiClient } from '../../src/api/client.ts';
import type { AbortError } from '../../src/output/errors.ts';
import { objectsOf } from '../support/devices.ts';
import { helpedCommands, play, type Step, type StepEnd } from '../support/examples.ts';
import { fakeProgram } from '../support/fake-program.ts';
import { PASSWORD } from '../support/identity.ts';
import { mountTest } from '../support/mount-user.ts';
import { startProvider } from '../support/oidc-provider.ts';
import { realRclone } from '../support/rclone.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { storageAdminOf, storageInside } from '../support/storage-inside.ts';

const binary = resolve(import.meta.dirname, '../../bin/run.js');

/** Where one reader of the help is: a home, and a server with the tenant acme and an administrator. */
let server: TestServer;
let admin: ApiClient;
let home: string;
let env: NodeJS.ProcessEnv;
const played = new Set<string>();

beforeAll(async () => {
  server = await startTestServer({
    tenants: ['acme', 'globex'],
    env: { CLOUD_SERVER_ISSUER_PRIVATE: '1' },
  });
  admin = clientOf(server.adminToken);
  home = await mkdtemp(join(tmpdir(), 'cloud-help-'));
  const programs = join(home, 'programs');
  await fakeProgram(programs, 'cloud', `exec '${process.execPath}' '${binary}' "$@"`);
  await fakeProgram(programs, 'nano', 'echo "*.tmp" >> "$1"');
  await fakeProgram(programs, 'less', 'cat');
  await fakeProgram(programs, 'jq', 'grep -o "\\"${1#.}\\":\\"[A-Za-z]*\\""');
  for (const folder of [
    '.local/share/bash-completion/completions',
    '.config/fish/completions',
    'restored',
  ]) {
    await mkdir(join(home, folder), { recursive: true });
  }
  await writeFile(join(home, 'admin-token'), server.adminToken, { mode: 0o600 });
  await writeFile(join(home, 'key.txt'), server.apiKeyOf('acme'));
  await writeFile(
    join(home, 'tenants.ndjson'),
    `{"tenant":{"slug":"globex","name":"Globex"}}
{"tenant":{"slug":"initech","name":"Initech"}}
{"token":{"label":"build","tenant":"initech","scopes":["mount:read"]}}
`,
  );
  await writeFile(join(home, 'password.txt'), `${PASSWORD}\n`);
  env = {
    PATH: `${programs}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    CLOUD_HOME: join(home, '.cloud'),
    CLOUD_INSECURE_STORAGE: '1',
    CLOUD_RCLONE: (await realRclone()).path,
    CLOUD_SERVER: server.url,
    CLOUD_ADMIN_TOKEN_FILE: join(home, 'admin-token'),
    EDITOR: 'nano',
    // No manager of services can be reached.
    XDG_RUNTIME_DIR: join(home, 'nowhere'),
    LANG: 'C.UTF-8',
  };
}, 60_000);
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true, force: true });
});

interface More extends Omit<Step, 'example' | 'says'> {
  /** What has to be so before, that the example has something to do. */
  first?: () => Promise<unknown>;
  /** What is so afterwards, beside what was said. */
  then?: (end: StepEnd) => Promise<unknown>;
}
type Line = readonly [example: string, says: Step['says'], more?: More];

/** Plays examples in this order. Names of the reader's own stand for what is there here. */
async function playAll(lines: readonly Line[], swap: Record<string, string> = {}): Promise<void> {
  const given = { 'https://cloud.example': server.url, ...swap };
  // One that turns out otherwise does not hide how the others do.
  const wrong: string[] = [];
  for (const [example, says, { first, then, ...more } = {}] of lines) {
    await first?.();
    const step: Step = { example, says, ...more, swap: { ...given, ...more.swap } };
    const end = await play(step, { cwd: home, env });
    played.add(example);
    try {
      expect(end.exitCode).toBe(more.exitCode ?? 0);
      if (says instanceof RegExp) expect(end.printed).toMatch(says);
      else expect({ json: JSON.parse(end.stdout) as unknown }).toMatchObject({ json: says });
      await then?.(end);
    } catch (error) {
      wrong.push(`$ ${example}\n${end.printed}→ ${end.exitCode}\n${String(error)}`);
    }
  }
  expect(wrong.join('\n\n')).toBe('');
}

/** What no example of the help is, and has to be done between. */
async function beforehand(script: string): Promise<string> {
  const { exitCode, printed, stdout } = await play(
    { example: script, says: /(?:)/ },
    { cwd: home, env },
  );
  expect(exitCode, `${script}\n${printed}`).toBe(0);
  return stdout;
}

/** The id of the first row that a list prints. */
async function idIn(list: string, matches = /./): Promise<string> {
  const rows = (await beforehand(`${list} --output tsv`))
    .trim()
    .split('\n')
    .map((row) => row.split('\t'));
  const column = rows[0]!.indexOf('id');
  return rows.slice(1).find((row) => matches.test(row.join(' ')))![column]!;
}

function clientOf(token: string): ApiClient {
  return createApiClient({ server: server.url, token: () => Promise.resolve(token) });
}

async function signedInAs(username: string): Promise<ApiClient> {
  const api = createApiClient({ server: server.url });
  const request = { username, password: PASSWORD, tenant: 'acme' };
  return clientOf((await api.login(request)).access_token);
}

/** That there is no tenant to work in is only said to whoever knows the password. */
async function isPassword(username: string, password = PASSWORD): Promise<boolean> {
  const api = createApiClient({ server: server.url });
  return api.login({ username, password, tenant: 'acme' }).then(
    () => true,
    (error: unknown) => (error as AbortError).code !== 'sign-in-failed',
  );
}

/** The objects of acme's bucket, asked at the storage. */
async function bucket() {
  const { bucket_name, id } = await admin.showTenant('acme');
  return objectsOf({
    ...{ contextName: '', server: '', tenant: { id, slug: 'acme' }, credentialId: '' },
    ...{ bucket: bucket_name, endpoint: server.server.storageUrl, region: 'auto' },
    ...{ ...(await storageAdminOf(server)), permission: 'rw', expiresAt: null },
  });
}

const inBucket = async (key: string) => (await bucket()).get(key);
const inHome = (path: string) => readFile(join(home, path), 'utf8');
const write = (path: string, text: string) => writeFile(join(home, path), text);
const row = (fields: object): object =>
  expect.arrayContaining([expect.objectContaining(fields)]) as object;
const NUMBER = expect.stringMatching(/^\d+$/) as unknown;
const TIME = expect.stringMatching(/^20\d\d-\d\d-\d\dT/) as unknown;

/** Of the keys of acme's bucket that are in force. */
async function bucketKeys(): Promise<string[]> {
  const { credentials } = await clientOf(server.apiKeyOf('acme')).listMountCredentials();
  return credentials.map(({ access_key }) => access_key);
}

const isPaused = async () =>
  (JSON.parse(await beforehand('cloud status --json')) as { folders: { paused: unknown }[] })
    .folders[0]!.paused;
const contexts = async () =>
  (JSON.parse(await beforehand('cloud context list --json')) as { name: string }[]).map(
    ({ name }) => name,
  );
const rolesIn = async (slug: string) =>
  Object.fromEntries(
    (await admin.listMembers(slug)).map(({ user, role }) => [user.username, role]),
  );
const slugs = async () => (await admin.listTenants()).tenants.map(({ slug }) => slug);

describe('what the help shows, played', { timeout: 300_000 }, () => {
  test('what a server has at its storage', async () => {
    const elsewhere = { 'CLOUD_SERVER_STORAGE_S3_ENDPOINT=https://t3.storage.dev … ': '' };
    const storage = await storageInside(server);
    const lost = await clientOf(server.apiKeyOf('acme')).createMountCredential({});
    await storage.deleteAccessKey(lost.access_key);
    const finding = { kind: 'credential-without-key', tenant: 'acme', name: lost.access_key };
    await playAll([
      ['cloud admin drift', new RegExp(lost.access_key), { exitCode: 8 }],
      ['cloud admin tenant check acme', new RegExp(lost.access_key), { exitCode: 8 }],
      ['cloud admin tenant check --json', [finding], { exitCode: 8 }],
      [
        'cloud admin drift --fix --yes',
        new RegExp(lost.access_key),
        { then: async () => expect((await admin.findDrift()).findings).toEqual([]) },
      ],
      [
        'CLOUD_SERVER_STORAGE_S3_ENDPOINT=https://t3.storage.dev … cloud server check-storage',
        /Keep two tenants apart\n\s+both ways[\s\S]*ok +14\nfailed +0/,
        { swap: elsewhere },
      ],
      ['cloud server check-storage --json', /"id":"isolation".*"status":"ok"[^]*"type":"result"/],
    ]);
  });

  mountTest('setting up, and mounting', async () => {
    const { put } = await bucket();
    await put('there.md', 'from the bucket');
    await playAll([
      [
        'cloud setup --server https://cloud.example --token-stdin < key.txt',
        /Ready\./,
        {
          then: async () =>
            expect(await inHome('CloudMount/acme/there.md')).toBe('from the bucket'),
        },
      ],
      ['cloud mount-status', /State +mounted[^]*CloudMount\/acme/],
      ['cloud mount-status --json', [{ state: 'mounted', tenant: 'acme', profile: 'balanced' }]],
      ['cloud mount-status --watch', /CloudMount\/acme: mounted/, { goesOn: true }],
      [
        'cloud unmount',
        /is unmounted; everything is in the bucket/,
        {
          first: () => write('CloudMount/acme/here.md', 'from the mount'),
          then: async () => {
            expect(await inBucket('here.md')).toBe('from the mount');
            expect(await readdir(join(home, 'CloudMount/acme'))).toEqual([]);
          },
        },
      ],
      [
        'cloud mount --profile fast',
        /is mounted at .*\(fast\)/,
        {
          then: async () => expect(await inHome('CloudMount/acme/here.md')).toBe('from the mount'),
        },
      ],
      [
        'cloud unmount ~/CloudMount/acme --timeout 1m',
        /is unmounted/,
        {
          first: () => rm(join(home, 'CloudMount/acme/here.md')),
          then: async () => expect(await inBucket('here.md')).toBeUndefined(),
        },
      ],
      [
        'cloud mount --path ~/bucket --read-only',
        /read-only/,
        {
          then: async () => {
            expect(await inHome('bucket/there.md')).toBe('from the bucket');
            await expect(write('bucket/new.md', '')).rejects.toThrow('EROFS');
          },
        },
      ],
    ]);
    await beforehand('cloud unmount');
    await (await bucket()).remove('there.md');
  });

  test('accounts, settings, and help', async () => {
    const other = () => beforehand('cloud login --context other --token-stdin < key.txt');
    await other();
    await playAll([
      ['cloud login --token-stdin < key.txt', /Signed in to .* for acme \(context acme\)/],
      ['cloud whoami', /Tenant +acme \(acme\)\n[^]*Context +acme\n/],
      ['cloud whoami --json', { context: 'acme', tenant: { slug: 'acme' }, server: server.url }],
      ['cloud context list', /\* +acme /],
      ['cloud context list --json', row({ name: 'acme', current: true })],
      [
        'cloud context use acme',
        /From now on: acme/,
        {
          first: other,
          then: async () => expect(await beforehand('cloud whoami')).toMatch(/Context +acme/),
        },
      ],
      ['cloud context use acme --json', { name: 'acme', current: true }, { first: other }],
      ['cloud config list', /^profile +balanced +default$/m],
      ['cloud config list --json', row({ key: 'context', value: 'acme' })],
      ['cloud config set profile fast', /profile is fast \(configuration /],
      ['cloud config get profile', /^fast$/m],
      [
        'cloud config set profile --unset',
        /profile is balanced \(default\)/,
        {
          then: async () =>
            expect(await inHome('.cloud/config/config.json')).not.toContain('"profile"'),
        },
      ],
      ['cloud config get server --json', { value: server.url, origin: 'environment CLOUD_SERVER' }],
      ['cloud help', /COMMANDS\n +setup [^]*MORE\n[^]*TOPICS\n +mount-vs-bisync/],
      ['cloud help mount', /Mount the bucket[^]*--read-only[^]*EXAMPLES/],
      ['cloud help mount-vs-bisync', /Two ways to the same bucket/],
      ['cloud profiles list', /^mount +balanced +yes[^]*^bisync +balanced +yes/m],
      ['cloud profiles list --json', row({ kind: 'bisync', name: 'safe', default: false })],
      ['cloud profiles show safe', /Copies of what is overwritten or deleted +for 30 days/],
      [
        'cloud profiles show fast --json',
        row({
          name: 'fast',
          kind: 'bisync',
          settings: expect.objectContaining({ maxDeletes: 5000 }) as unknown,
        }),
      ],
      [
        'cloud completion bash > ~/.local/share/bash-completion/completions/cloud',
        /^$/,
        {
          then: async () =>
            expect(await inHome('.local/share/bash-completion/completions/cloud')).toMatch(
              /^complete .* cloud$/m,
            ),
        },
      ],
      [
        'cloud completion zsh > "${fpath[1]}/_cloud"',
        /^$/,
        {
          swap: { '${fpath[1]}': '.' },
          then: async () => expect(await inHome('_cloud')).toMatch(/^#compdef cloud\n/),
        },
      ],
      [
        'cloud completion fish > ~/.config/fish/completions/cloud.fish',
        /^$/,
        {
          then: async () =>
            expect(await inHome('.config/fish/completions/cloud.fish')).toMatch(
              /^complete .*cloud/m,
            ),
        },
      ],
      [
        'cloud completion powershell >> $PROFILE',
        /^$/,
        {
          swap: { $PROFILE: 'profile.ps1' },
          then: async () =>
            expect(await inHome('profile.ps1')).toContain('Register-ArgumentCompleter'),
        },
      ],
      ['cloud rclone version', /^Version +1\.\d+\.\d+\n[^]*Can +rcd, bisync/m],
      ['cloud rclone version --json', { capabilities: { rcd: true, bisync: true } }],
      ['$(cloud rclone path) version', /rclone v1\./],
      ['cloud rclone path --json', { path: env['CLOUD_RCLONE'], origin: 'environment' }],
    ]);
    await beforehand('cloud logout --context other');
  });

  test('a synced folder', async () => {
    await mkdir(join(home, 'notes', 'notes'), { recursive: true });
    await write('notes/notes/plan.md', 'first');
    await playAll([
      [
        'cloud setup --mode bisync --path ~/notes --yes',
        /upload 1 file only here[^]*Ready\./,
        { then: async () => expect(await inBucket('notes/plan.md')).toBe('first') },
      ],
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

  test('taking back', async () => {
    await beforehand('cloud bisync');
    await write('notes/notes/plan.md', 'second');
    await beforehand('cloud bisync');
    const onBothSides = (text: string) => ({
      then: async () => {
        expect(await inHome('notes/notes/plan.md')).toBe(text);
        expect(await inBucket('notes/plan.md')).toBe(text);
      },
    });
    await playAll([
      ['cloud history notes/plan.md', /changed +this device +6 B[^]*added +this device +5 B/],
      [
        'cloud history notes/plan.md --json',
        {
          entries: [
            { what: 'changed', size: 6 },
            { what: 'added', size: 5 },
          ],
        },
      ],
      ['cloud undo --list', /cloud bisync +1 changed\n/],
      ['cloud undo --dry-run', /notes\/plan\.md: 5 B from the cloud/, onBothSides('second')],
      ['cloud undo', /Taken back: cloud bisync/, onBothSides('first')],
      ['cloud restore notes/plan.md', /Put back on both sides/, onBothSides('second')],
      [
        'cloud restore notes --at 2h --to /tmp/notes-of-noon',
        /Put back in .*notes-of-noon/,
        {
          swap: { '--at 2h': '--at 1s', '/tmp/notes-of-noon': '~/notes-of-noon' },
          then: async () =>
            expect(await inHome('notes-of-noon/notes/plan.md')).toMatch(/^(first|second)$/),
        },
      ],
      ['cloud trash list', /notes\/plan\.md +5 B [^]*notes\/plan\.md +6 B /],
      [
        'cloud trash list notes --json',
        {
          files: [
            { path: 'notes/plan.md', size: 5 },
            { path: 'notes/plan.md', size: 6 },
          ],
        },
      ],
      [
        'cloud trash restore notes/plan.md --to /tmp',
        /Put back in/,
        {
          swap: { ' /tmp': ' ~/restored' },
          then: async () => expect(await inHome('restored/plan.md')).toBe('first'),
        },
      ],
      ['cloud trash restore notes/plan.md', /Put back on both sides/, onBothSides('first')],
      ['cloud trash empty --older-than 7d', /--yes/, { exitCode: 2 }],
      [
        'cloud trash empty --yes',
        /Removed \d+ files from the trash/,
        {
          then: async () =>
            expect(JSON.parse(await beforehand('cloud trash list --json'))).toMatchObject({
              files: [],
            }),
        },
      ],
      ['cloud snapshot create --name "before the move"', /before the move taken at .*: \d+/],
      ['cloud snapshot create --json', { version: NUMBER, name: null, created_at: TIME }],
      ['cloud snapshot list', /before the move +\d+\n.* \d+\n/],
      ['cloud snapshot list --output tsv', /^20\S+\tbefore the move\t\d+$/m],
      [
        'cloud snapshot browse "before the move" --json',
        { files: row({ path: 'notes/plan.md', size: 5 }) },
      ],
      ['cloud snapshot browse 2h notes/', /5 B +notes\/plan\.md/, { swap: { ' 2h ': ' 0s ' } }],
    ]);
  });

  test('conflicts', async () => {
    const other = { CLOUD_HOME: join(home, '.other'), CLOUD_PATH: join(home, 'other') };
    const elsewhere = Object.entries(other)
      .map(([name, value]) => `${name}='${value}'`)
      .join(' ');
    await beforehand(
      `${elsewhere} cloud setup --mode bisync --context other --token-stdin --yes < key.txt`,
    );
    const conflict = async (text: string): Promise<void> => {
      await write('other/notes/plan.md', `${text} there`);
      await beforehand(`${elsewhere} cloud bisync`);
      await write('notes/notes/plan.md', `${text} here, and longer`);
      await beforehand('cloud bisync --conflicts none || test $? = 3');
    };
    /** One file again, and it is ours. */
    const resolved = (text: string) => ({
      then: async () => {
        expect(await readdir(join(home, 'notes/notes'))).toEqual(['plan.md']);
        await beforehand('cloud bisync');
        expect(await inBucket('notes/plan.md')).toBe(text);
        expect([...(await (await bucket()).objects()).keys()]).toEqual(['notes/plan.md']);
      },
    });
    await conflict('one');
    const DIFF = /^-one there$[^]*^\+one here, and longer$/m;
    await playAll([
      ['cloud conflicts list', /notes\/plan\.md +open .* 20 B \* .* 9 B/],
      ['cloud conflicts list --json', { conflicts: [{ path: 'notes/plan.md', open: true }] }],
      ['cloud conflicts show notes/plan.md', /Local +20 B, .* newer; is the copy\nCloud +9 B/],
      [
        'cloud conflicts show notes/plan.md --json',
        { conflicts: [{ sides: { local: { size: 20 }, cloud: { size: 9 } }, newer: 'local' }] },
      ],
      ['cloud conflicts diff notes/plan.md', DIFF],
      ['cloud conflicts diff notes/plan.md | less', DIFF],
      [
        'cloud conflicts resolve notes/plan.md --keep local',
        /notes\/plan\.md is the local version now/,
        resolved('one here, and longer'),
      ],
    ]);
    await beforehand(`${elsewhere} cloud bisync`);
    await conflict('two');
    await playAll([
      [
        'cloud conflicts resolve --all --keep newer --yes',
        /is the local version now/,
        resolved('two here, and longer'),
      ],
    ]);
  });

  test('keys of the bucket and for programs', async () => {
    const { bucket_name: name } = await admin.showTenant('acme');
    const rcloneConfig = () => inHome('.config/rclone/rclone.conf');
    let keys: string[] = [];
    const remember = async (): Promise<void> => {
      keys = await bucketKeys();
    };
    /** As many as before; this machine's is another one. */
    const renewed = async (): Promise<void> => {
      const now = await bucketKeys();
      expect(now).toHaveLength(keys.length);
      expect(now.filter((key) => !keys.includes(key))).toHaveLength(1);
    };
    const ofFile = async (path: string) => clientOf((await inHome(path)).trim()).me();
    const buildKey = { 'key.txt': 'build-key.txt' };
    await playAll([
      [
        'cloud rclone export',
        /Remote cloud-acme added/,
        {
          then: async () => {
            expect(await rcloneConfig()).toContain('[cloud-acme]');
            expect(await rcloneConfig()).not.toContain('secret_access_key');
          },
        },
      ],
      [
        'cloud rclone export --name work --with-keys',
        /Remote work added/,
        {
          then: async () =>
            expect(await beforehand(`$(cloud rclone path) lsf work:${name}/notes`)).toBe(
              'plan.md\n',
            ),
        },
      ],
      ['cloud credentials list', /cloud on .* write .* this machine$/m],
      ['cloud credentials list --json', row({ permission: 'rw', this_machine: true })],
      [
        'cloud credentials rotate',
        /A new key for .* is in use; the old one is revoked/,
        { first: remember, then: renewed },
      ],
      ['cloud credentials rotate --all', /is in use; the old/, { first: remember, then: renewed }],
      [
        'cloud api-keys add --label "build machine" --scope mount:read > key.txt',
        /Label +build machine\n/,
        {
          swap: buildKey,
          then: async () =>
            expect(await ofFile('build-key.txt')).toMatchObject({ scopes: ['mount:read'] }),
        },
      ],
      [
        'cloud api-keys add --label backup --expires-in 30d --json',
        { label: 'backup', api_key: expect.stringMatching(/^cloud_key_/) as unknown },
      ],
      ['cloud api-keys list', / backup .* acme .* never$/m],
      ['cloud api-keys list --json', row({ label: 'backup', tenant: 'acme' })],
      [
        'cloud api-keys rotate "build machine" --overlap 1d > key.txt',
        /The old key \w+ can be used until/,
        {
          swap: { 'key.txt': 'next-key.txt' },
          then: async () => {
            const [old, next] = [await ofFile('build-key.txt'), await ofFile('next-key.txt')];
            expect(next.scopes).toEqual(['mount:read']);
            expect(next.subject).not.toBe(old.subject);
          },
        },
      ],
      [
        'cloud api-keys rotate',
        /signs in with the new key \w+; the old one ends/,
        {
          then: async ({ printed }) => {
            const id = /new key (\w+)/.exec(printed)![1]!;
            const { api_keys: all } = await clientOf(server.apiKeyOf('acme')).listApiKeys();
            expect(all.find(({ current }) => current)?.replaced_by).toBe(id);
          },
        },
      ],
      [
        'cloud api-keys revoke "build machine"',
        /--yes/,
        { exitCode: 2, then: async () => expect(await ofFile('next-key.txt')).toBeDefined() },
      ],
    ]);
    const [apiKey, bucketKey] = [
      await idIn('cloud api-keys list', /build machine.*(?<!\w)$/),
      await idIn('cloud credentials list'),
    ];
    await playAll([
      [
        'cloud api-keys revoke Gx81kQz0aB3c --yes',
        /\(build machine\) has ended/,
        {
          swap: { Gx81kQz0aB3c: apiKey },
          then: async () =>
            expect(await beforehand('cloud api-keys list --output tsv')).not.toContain(
              `\n${apiKey}\t`,
            ),
        },
      ],
      [
        'cloud credentials revoke 0b4f8a17',
        /--yes/,
        {
          exitCode: 2,
          swap: { '0b4f8a17': bucketKey },
          first: remember,
          then: async () => expect(await bucketKeys()).toEqual(keys),
        },
      ],
      [
        'cloud credentials revoke --all --yes',
        /Revoked \d+ keys? of the bucket/,
        { then: async () => expect(await bucketKeys()).toEqual([]) },
      ],
    ]);
  });

  test('administering users and members', async () => {
    const ada = () => admin.showUser('ada');
    const passwordIn = (printed: string) => /^(?:[a-z]{4}-){4}[a-z]{4}$/m.exec(printed)![0];
    await playAll([
      ['cloud admin tenant member list acme', /Nobody is a member yet/],
      [
        'cloud admin user add ada --name "Ada Lovelace"',
        /Name +Ada Lovelace\n/,
        {
          then: async ({ printed }) => {
            expect(await isPassword('ada', passwordIn(printed))).toBe(true);
            expect(await isPassword('ada')).toBe(false);
          },
        },
      ],
      [
        'cloud admin user add boss --role admin --password-stdin < password.txt',
        /Role +admin\n/,
        { then: async () => expect(await isPassword('boss')).toBe(true) },
      ],
      ['cloud admin user list', /^ada +Ada Lovelace +member [^]*^boss +admin/m],
      ['cloud admin user show ada', /User +ada\nId +.*\nName +Ada Lovelace\n/],
      ['cloud admin user show ada --json', { username: 'ada', display_name: 'Ada Lovelace' }],
      [
        'cloud admin user set ada --role admin',
        /Role +admin\n/,
        { then: async () => expect((await ada()).role).toBe('admin') },
      ],
      [
        'cloud admin user set ada --email ""',
        /User +ada\n/,
        {
          first: () => admin.changeUser('ada', { email: 'ada@cloud.example' }),
          then: async () => expect((await ada()).email).toBeNull(),
        },
      ],
      [
        'cloud admin user reset-password ada',
        /All sessions of ada have ended/,
        {
          then: async ({ printed }) =>
            expect(await isPassword('ada', passwordIn(printed))).toBe(true),
        },
      ],
      [
        'cloud admin user reset-password ada --password-stdin < password.txt',
        /ada has the new password/,
        { then: async () => expect(await isPassword('ada')).toBe(true) },
      ],
    ]);
    await beforehand(
      'cloud admin user add bob > bob.txt; cloud admin user add grace > grace.txt; cloud admin user set ada --role member',
    );
    await playAll([
      [
        'cloud admin tenant member add acme ada --role editor',
        /ada is editor in acme/,
        { then: async () => expect(await rolesIn('acme')).toEqual({ ada: 'editor' }) },
      ],
      [
        'cloud admin tenant member add acme bob --role viewer --json',
        { username: 'bob', role: 'viewer' },
        { then: async () => expect(await rolesIn('acme')).toMatchObject({ bob: 'viewer' }) },
      ],
      ['cloud admin tenant member list acme --output tsv', /\tada\tAda Lovelace\t.*\n.*\tbob\t/],
      [
        'cloud admin tenant member set acme ada --role tenant_admin',
        /ada is tenant_admin in acme/,
        { then: async () => expect(await rolesIn('acme')).toMatchObject({ ada: 'tenant_admin' }) },
      ],
      [
        'cloud admin tenant member set acme ada --role viewer --json',
        { username: 'ada', role: 'viewer' },
        { then: async () => expect(await rolesIn('acme')).toMatchObject({ ada: 'viewer' }) },
      ],
      ['cloud admin user list --tenant acme --output tsv', /\tada\t.*\tacme:viewer\t/],
      [
        'cloud login --username ada --password-stdin --tenant acme < password.txt',
        /as ada for acme/,
        { then: async () => expect(await beforehand('cloud whoami')).toMatch(/Account +ada/) },
      ],
      ['cloud sessions list', /127\.0\.0\.1 +acme .* this one$/m],
      ['cloud sessions list --json', row({ current: true, tenant: 'acme', method: 'password' })],
      [
        'cloud sessions revoke --others --yes',
        /Ended \d+ (other )?session/,
        {
          first: () => signedInAs('ada'),
          then: async () =>
            expect(await beforehand('cloud sessions list --output tsv')).toMatch(/^.*\n.*\n$/),
        },
      ],
    ]);
    const session = await idIn('cloud sessions list');
    await playAll([
      [
        'cloud sessions revoke 0b4f8a17',
        /Ended 1 session/,
        {
          swap: { '0b4f8a17': session },
          then: () => beforehand('cloud sessions list || test $? = 4'),
        },
      ],
      [
        'cloud admin tenant member remove acme ada',
        /--yes/,
        { exitCode: 2, then: async () => expect(await rolesIn('acme')).toHaveProperty('ada') },
      ],
      [
        'cloud admin tenant member remove acme ada --yes',
        /ada is no member of acme any more/,
        { then: async () => expect(await rolesIn('acme')).toEqual({ bob: 'viewer' }) },
      ],
      [
        'cloud admin user deactivate ada',
        /--yes/,
        { exitCode: 2, then: async () => expect((await ada()).status).toBe('active') },
      ],
      [
        'cloud admin user deactivate ada --yes',
        /ada is deactivated/,
        {
          then: async () => {
            expect((await ada()).status).toBe('deactivated');
            expect(await isPassword('ada')).toBe(false);
          },
        },
      ],
      [
        'cloud admin user activate ada',
        /ada can sign in again/,
        { then: async () => expect(await isPassword('ada')).toBe(true) },
      ],
      [
        'cloud admin user activate ada --json',
        { username: 'ada', status: 'active' },
        { first: () => admin.deactivateUser('ada') },
      ],
      [
        'cloud login --server https://cloud.example',
        /There is nothing to sign in with/,
        { exitCode: 4 },
      ],
    ]);
  });

  test('signing out', async () => {
    const again = 'cloud login --username ada --password-stdin --tenant acme < password.txt';
    await admin.addMember('acme', { user: 'ada', role: 'editor' });
    for (const example of [
      'cloud logout --context acme',
      'cloud logout',
      'cloud logout --all --yes',
    ]) {
      await beforehand(again);
      await playAll([
        [
          example,
          /Signed out of acme\.[^]*The session is ended on the server/,
          { then: async () => expect(await contexts()).toEqual([]) },
        ],
      ]);
    }
  });

  test('sign-in at an issuer', async () => {
    const provider = await startProvider();
    const at = { 'https://id.example': provider.issuer };
    const add = 'cloud admin issuer add work --url https://id.example --client-id cloud-cli';
    const work = () => admin.showIssuer('work');
    const linked = async () =>
      (await admin.listIdentities('work')).identities.map(
        ({ subject, user }) => `${subject} ${user.username}`,
      );
    const known = async () => (await admin.listIssuers()).issuers.map(({ name }) => name);
    await playAll(
      [
        [
          add,
          /can sign in from now on[^]*Tenants +by membership/,
          { then: async () => expect(await work()).toMatchObject({ client_id: 'cloud-cli' }) },
        ],
        ['cloud admin issuer list', new RegExp(`^work +${provider.issuer} +cloud-cli`, 'm')],
        ['cloud admin issuer list --output tsv', new RegExp(`\twork\t${provider.issuer}\t`)],
        ['cloud admin issuer show work', /Client +cloud-cli\n[^]*Nobody of it is known here yet/],
        ['cloud admin issuer show work --json', { name: 'work', identities: [] }],
        [
          'cloud admin issuer link work 248289761001 --user ada',
          /248289761001 of work is ada here/,
          { then: async () => expect(await linked()).toEqual(['248289761001 ada']) },
        ],
        [
          'cloud admin issuer link work 00uid4BxXw6I6TV4m0g3 --user grace --json',
          { subject: '00uid4BxXw6I6TV4m0g3', user: { username: 'grace' } },
          { then: async () => expect(await linked()).toContain('00uid4BxXw6I6TV4m0g3 grace') },
        ],
        [
          'cloud admin issuer unlink work 248289761001',
          /--yes/,
          { exitCode: 2, then: async () => expect(await linked()).toHaveLength(2) },
        ],
        [
          'cloud admin issuer unlink work 248289761001 --yes',
          /is nobody here now/,
          { then: async () => expect(await linked()).toEqual(['00uid4BxXw6I6TV4m0g3 grace']) },
        ],
        [
          'cloud admin issuer remove work',
          /--yes/,
          { exitCode: 2, then: async () => expect(await known()).toEqual(['work']) },
        ],
        [
          'cloud admin issuer remove work --yes',
          /not trusted any more/,
          { then: async () => expect(await known()).toEqual([]) },
        ],
        [
          `${add} --create-users --tenant-claim groups`,
          /Whoever signs in there becomes a user here/,
          {
            then: async () =>
              expect(await work()).toMatchObject({ create_users: true, tenant_claim: 'groups' }),
          },
        ],
      ],
      at,
    );
    await provider[Symbol.asyncDispose]();
  });

  test('administering tokens and reading the audit trail', async () => {
    const works = async (file: string) => (await clientOf((await inHome(file)).trim()).me()).scopes;
    const inForce = async () => (await admin.listAdminTokens({})).tokens.map(({ id }) => id);
    await playAll([
      [
        'cloud admin token add --label "build machine" --tenant acme --scope mount:read > key.txt',
        /Label +build machine\nFor +acme\n/,
        {
          swap: { 'key.txt': 'token.txt' },
          then: async () => expect(await works('token.txt')).toEqual(['mount:read']),
        },
      ],
      [
        'cloud admin token add --label deploy --instance --scope tenants --expires-in 30d --json',
        { label: 'deploy', kind: 'admin', scopes: ['tenants'] },
      ],
      ['cloud admin token list', / deploy +the server [^]* build machine +acme /],
      [
        'cloud admin token list --tenant acme --all --output tsv',
        /\tbuild machine\tapi\tmount:read\tacme\t.*\trevoked\t/,
      ],
    ]);
    const id = await idIn('cloud admin token list', /deploy/);
    const swap = { Gx81kQz0aB3c: id };
    await playAll([
      [
        'cloud admin token revoke Gx81kQz0aB3c',
        /--yes/,
        { exitCode: 2, swap, then: async () => expect(await inForce()).toContain(id) },
      ],
      [
        'cloud admin token rotate Gx81kQz0aB3c --overlap 1d --json',
        { label: 'deploy', token: expect.stringMatching(/^cloud_adm_/) as unknown },
        { swap },
      ],
      [
        'cloud admin token rotate Gx81kQz0aB3c > token.txt',
        /Label +build machine\nFor +acme\n/,
        {
          swap: {
            Gx81kQz0aB3c: await idIn('cloud admin token list --tenant acme', /build/),
            'token.txt': 'next-token.txt',
          },
          then: async () => {
            expect(await works('next-token.txt')).toEqual(['mount:read']);
            expect(await inHome('next-token.txt')).not.toBe(await inHome('token.txt'));
          },
        },
      ],
      [
        'cloud admin token revoke Gx81kQz0aB3c --yes',
        /\(deploy\) has ended/,
        { swap, then: async () => expect(await inForce()).not.toContain(id) },
      ],
      [
        'cloud admin audit list --since 1d --tenant acme',
        /TokenRotated +first owner token +acme[^]*TokenCreated +first owner token +acme/,
      ],
      [
        'cloud admin audit list --actor ada --type TokenCreated --json',
        row({ type: expect.stringMatching(/^TokenCreated/) as unknown, actor_name: 'ada' }),
        { first: async () => (await signedInAs('ada')).createApiKey({ label: 'hers' }) },
      ],
      [
        'cloud admin audit export audit.ndjson',
        /\d+ events written to audit\.ndjson/,
        {
          then: async ({ printed }) => {
            const lines = (await inHome('audit.ndjson')).trim().split('\n');
            expect(`${lines.length}`).toBe(/^\d+/.exec(printed)![0]);
            expect(JSON.parse(lines.at(-1)!)).toMatchObject({ seq: lines.length });
          },
        },
      ],
      ['cloud admin audit export --since 7d | jq .type', /"type":"BootstrapSeededEvent"/],
      ['cloud admin audit verify', /The audit trail is intact: \d{2,} events/],
      ['cloud admin audit verify --file audit.ndjson', /The audit trail is intact: \d{2,} events/],
    ]);
  });

  test('administering tenants', async () => {
    const acme = () => admin.showTenant('acme');
    const policy = (is: string) => ({
      then: async () => expect((await acme()).policy).toBe(is),
    });
    const status = (is: string) => ({ then: async () => expect((await acme()).status).toBe(is) });
    await playAll([
      ['cloud admin tenant list', /^acme +acme +allowed [^]*^globex +globex +allowed /m],
      ['cloud admin tenant list --output tsv', /\tglobex\tglobex\tactive\tallowed\t/],
      ['cloud admin tenant show acme', /^Tenant +acme\n[^]*^Members +\d+\n/m],
      ['cloud admin tenant show acme --json', { slug: 'acme', status: 'active', max_keys: 100 }],
      [
        'cloud admin tenant set acme --name "Acme Inc."',
        /acme was changed/,
        { then: async () => expect((await acme()).name).toBe('Acme Inc.') },
      ],
      [
        'cloud admin tenant set acme --sync-url ""',
        /acme was changed/,
        {
          first: () => admin.changeTenant('acme', { sync_url: 'https://hook.example/' }),
          then: async () => expect((await acme()).sync_url).toBeNull(),
        },
      ],
      [
        'cloud admin tenant set acme --max-keys 200 --max-tokens default',
        /acme was changed/,
        {
          then: async () =>
            expect((await acme()).limits).toMatchObject({ mount_credentials: 200, tokens: 50 }),
        },
      ],
      [
        'cloud admin tenant deny acme --reason "invoice 42 is open"',
        /--yes/,
        { exitCode: 2, ...policy('allowed') },
      ],
      ['cloud admin tenant deny acme --yes', /acme is denied/, policy('denied')],
      ['cloud admin tenant allow acme', /acme is allowed/, policy('allowed')],
      [
        'cloud admin tenant allow acme --reason "paid again"',
        /acme is allowed/,
        {
          first: () => admin.setTenantPolicy('acme', { policy: 'denied' }),
          then: async () =>
            expect(await acme()).toMatchObject({ policy: 'allowed', policy_reason: 'paid again' }),
        },
      ],
      ['cloud admin tenant remove acme', /--yes/, { exitCode: 2, ...status('active') }],
      ['cloud admin tenant remove acme --yes', /acme is removed/, status('removed')],
      [
        'cloud admin tenant purge acme --dry-run',
        /^bucket +cloud-acme-[^]*^member +ada/m,
        status('removed'),
      ],
      [
        'cloud admin tenant abandon acme --dry-run',
        /No purge of acme is stuck/,
        { exitCode: 1, ...status('removed') },
      ],
      [
        'cloud admin tenant abandon acme --yes',
        /No purge of acme is stuck/,
        { exitCode: 1, ...status('removed') },
      ],
      ['cloud admin tenant restore acme', /acme is in use again/, status('active')],
      [
        'cloud admin tenant restore acme --json',
        { slug: 'acme', status: 'active' },
        { first: () => admin.removeTenant('acme') },
      ],
      [
        'cloud admin tenant rename acme acme-inc',
        /acme is called acme-inc now/,
        { then: async () => expect(await slugs()).toEqual(['acme-inc', 'globex']) },
      ],
      [
        'cloud admin tenant rename acme acme-inc --json',
        { slug: 'acme', former_slugs: ['acme-inc'] },
        { swap: { ' acme acme-inc': ' acme-inc acme' } },
      ],
      [
        'cloud admin tenant add --slug acme --name "Acme Inc."',
        /Tenant acme-two was added/,
        {
          swap: { ' acme ': ' acme-two ' },
          then: async () => expect((await admin.showTenant('acme-two')).name).toBe('Acme Inc.'),
        },
      ],
      [
        'cloud admin tenant add --slug acme --name Acme --print-token | cloud login --token-stdin',
        /Signed in to .* for Acme/,
        {
          swap: { ' acme ': ' acme-three ' },
          then: async () => expect(await contexts()).toEqual(['acme-three']),
        },
      ],
      [
        'cloud admin import tenants.ndjson --dry-run',
        /Would make 2; 1 there already/,
        { then: async () => expect(await slugs()).not.toContain('initech') },
      ],
      [
        'cloud admin import tenants.ndjson --output tsv > made.tsv',
        /Made 2; 1 there already/,
        {
          then: async () => {
            expect((await admin.showTenant('initech')).name).toBe('Initech');
            const token = /cloud_key_\S+/.exec(await inHome('made.tsv'))![0];
            expect((await clientOf(token).me()).scopes).toEqual(['mount:read']);
          },
        },
      ],
    ]);
    await beforehand('cloud admin tenant remove acme-two --yes');
    const { bucket_name: gone } = await admin.showTenant('acme-two');
    await playAll([
      [
        'cloud admin tenant purge acme --yes',
        /acme-two is gone/,
        {
          swap: { ' acme ': ' acme-two ' },
          then: async () => {
            expect(await slugs()).not.toContain('acme-two');
            expect(await (await storageInside(server)).hasBucket(gone)).toBe(false);
          },
        },
      ],
    ]);
  });

  test('running a server', async () => {
    const swap = { '/srv/cloud': '~/srv', '/backups/cloud': '~/backup' };
    const signing = async () =>
      (await admin.listSigningKeys()).signing_keys.find(({ status }) => status === 'active')!.id;
    const runs = async (name: string) =>
      (await admin.listJobs()).jobs.find((job) => job.name === name)!.runs;
    const before = { key: await signing(), expiry: await runs('expiry') };
    const own = '.cloud/data/server';
    const there = (folder: string) => ({
      then: async () =>
        expect((await readdir(join(home, folder))).toSorted()).toEqual([
          ...['admin-token', 'server.key', 'server.sqlite'],
        ]),
    });
    const started = (folder: string, from: string, to: string) => ({
      ...{ goesOn: true, swap: { [from]: to } },
      then: async () => expect(await inHome(`${folder}/admin-token`)).toMatch(/^cloud_adm_/),
    });
    await playAll(
      [
        ['cloud server keys list', new RegExp(`^${before.key} +active`, 'm')],
        ['cloud server keys list --output tsv', new RegExp(`^${before.key}\tactive\tEdDSA`, 'm')],
        [
          'cloud server keys rotate --compromised',
          /What the old key signed is refused/,
          { then: async () => expect(await signing()).not.toBe(before.key) },
        ],
        // Others may keep the set of keys for a while, so one soon after another has to wait.
        ['cloud server keys rotate', /Try again in/, { exitCode: 1 }],
        ['cloud admin jobs list', /^expiry +done +20/m],
        ['cloud admin jobs list --json', row({ name: 'deletion-retry', outcome: 'done' })],
        [
          'cloud admin jobs run deletion-retry',
          /deletion-retry is done\.\ndeleted +0\n/,
          {
            then: async ({ printed }) => {
              expect(printed).toContain('postponed');
              const { jobs } = await admin.listJobs();
              const { finished_at: end } = jobs.find(({ name }) => name === 'deletion-retry')!;
              expect(Date.now() - Date.parse(end!)).toBeLessThan(30_000);
            },
          },
        ],
        [
          'cloud admin jobs run expiry --dry-run',
          /What expiry would do:\nrevoked +0/,
          { then: async () => expect(await runs('expiry')).toBe(before.expiry) },
        ],
        [
          'cloud server migrate',
          /Migrated .*:\n +0001-first\n/,
          { then: () => stat(join(home, own, 'server.sqlite')) },
        ],
        [
          'cloud server migrate --data /srv/cloud',
          /Migrated .*\/srv\/server\.sqlite:\n +0001-first\n/,
          { then: () => stat(join(home, 'srv/server.sqlite')) },
        ],
        [
          'cloud server start',
          /Server +http[^]*Stop it with Ctrl-C/,
          started(own, 'server start', 'server start --port 0'),
        ],
        [
          'cloud server start --port 9000 --data /srv/cloud',
          /Server +http[^]*Data +.*\/srv\n/,
          started('srv', '--port 9000', '--port 0'),
        ],
        [
          'cloud server recover',
          /admin-token/,
          {
            first: () => rm(join(home, own, 'admin-token')),
            then: async () => expect(await inHome(`${own}/admin-token`)).toMatch(/^cloud_adm_/),
          },
        ],
        ['cloud server recover --data /srv/cloud', /is in force until .*; no other one was made/],
        ['cloud server backup /backups/cloud', /holds admin-token, server\.key/, there('backup')],
        [
          'cloud server backup /backups/cloud --data /srv/cloud',
          /holds admin-token, server\.key/,
          { swap: { '/backups/cloud': '~/backup-two' }, ...there('backup-two') },
        ],
      ],
      swap,
    );
  });

  test('in the background, where no manager can be reached', async () => {
    // How they turn out with one is in service.test.ts.
    const none = { exitCode: 10 };
    const nothingWritten = {
      exitCode: 78,
      then: async () =>
        expect(await readdir(join(home, '.config')).then((names) => names.sort())).not.toContain(
          'systemd',
        ),
    };
    for (const kind of ['bisync', 'mount']) {
      await playAll([
        [`cloud ${kind}-service install`, /Your systemd cannot be reached/, nothingWritten],
        [
          `cloud ${kind}-service install --profile safe --no-start`,
          /Your systemd cannot be reached/,
          nothingWritten,
        ],
        [`cloud ${kind}-service status`, /State +not-installed/, none],
        [`cloud ${kind}-service status --json`, { kind, state: 'not-installed' }, none],
        ...['start', 'stop', 'restart'].flatMap((verb): Line[] => [
          [`cloud ${kind}-service ${verb}`, new RegExp(`There is no ${kind} service`), none],
          [`cloud ${kind}-service ${verb} --json`, /"code":"service-not-installed"/, none],
        ]),
        [`cloud ${kind}-service logs --limit 20`, new RegExp(`There is no ${kind} service`), none],
        [`cloud ${kind}-service logs --follow`, new RegExp(`There is no ${kind} service`), none],
        [`cloud ${kind}-service uninstall`, /Your systemd cannot be reached/, { exitCode: 78 }],
        [`cloud ${kind}-service uninstall --json`, /"code":"no-service-manager"/, { exitCode: 78 }],
      ]);
    }
  });

  test('rclone', async () => {
    await playAll([
      ['cloud rclone install', new RegExp(`1\\.[^]*${env['CLOUD_RCLONE']!}`)],
      [
        'cloud rclone install --method official --mirror https://mirror.example/rclone',
        /127\.0\.0\.1:9/,
        { exitCode: 12, swap: { 'https://mirror.example': 'http://127.0.0.1:9' } },
      ],
      ['cloud rclone update', /not installed by cloud/, { exitCode: 12 }],
      ['cloud rclone update --json', /"code":"rclone-not-ours"/, { exitCode: 12 }],
    ]);
  });
});

test('every command has a summary, a description, two examples, and all of them were played', async () => {
  const lacking: string[] = [];
  for (const { name, summary, description, examples } of await helpedCommands()) {
    if (summary === undefined) lacking.push(`cloud ${name}: a summary`);
    if (description === undefined) lacking.push(`cloud ${name}: a description`);
    if (examples.length < 2) lacking.push(`cloud ${name}: two examples`);
    for (const example of examples) {
      if (!played.has(example)) lacking.push(`${example}: how it turns out, in examples.test.ts`);
    }
  }
  expect(lacking).toEqual([]);
});

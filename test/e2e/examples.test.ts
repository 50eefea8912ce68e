import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { helpedCommands, play, type Step } from '../support/examples.ts';
import { fakeProgram } from '../support/fake-program.ts';
import { PASSWORD } from '../support/identity.ts';
import { mountTest } from '../support/mount-user.ts';
import { startProvider } from '../support/oidc-provider.ts';
import { realRclone } from '../support/rclone.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const binary = resolve(import.meta.dirname, '../../bin/run.js');

/** Where one reader of the help is: a home, and a server with the tenant acme and an administrator. */
let server: TestServer;
let home: string;
let env: NodeJS.ProcessEnv;
const played = new Set<string>();

beforeAll(async () => {
  server = await startTestServer({
    tenants: ['acme', 'globex'],
    env: { CLOUD_SERVER_ISSUER_PRIVATE: '1' },
  });
  home = await mkdtemp(join(tmpdir(), 'cloud-help-'));
  const programs = join(home, 'programs');
  await fakeProgram(programs, 'cloud', `exec '${process.execPath}' '${binary}' "$@"`);
  await fakeProgram(programs, 'nano', 'exit 0');
  await fakeProgram(programs, 'less', 'cat');
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

type Line = readonly [example: string, says: RegExp, more?: Omit<Step, 'example' | 'says'>];

/** Plays examples in this order. Names of the reader's own stand for what is there here. */
async function playAll(lines: readonly Line[], swap: Record<string, string> = {}): Promise<void> {
  const given = { 'https://cloud.example': server.url, ...swap };
  // One that turns out otherwise does not hide how the others do.
  const wrong: string[] = [];
  for (const [example, says, more = {}] of lines) {
    const step: Step = { example, says, ...more, swap: { ...given, ...more.swap } };
    const { exitCode, printed } = await play(step, { cwd: home, env });
    played.add(example);
    if (says.test(printed) && exitCode === (more.exitCode ?? 0)) continue;
    wrong.push(
      `$ ${example}\n${printed}→ ${exitCode}; wanted: ${more.exitCode ?? 0}, ${String(says)}`,
    );
  }
  expect(wrong.join('\n\n')).toBe('');
}

/** What no example of the help is, and has to be done between. */
async function beforehand(script: string): Promise<string> {
  const { exitCode, printed } = await play({ example: script, says: /(?:)/ }, { cwd: home, env });
  expect(exitCode, `${script}\n${printed}`).toBe(0);
  return printed;
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

describe('what the help shows, played', { timeout: 300_000 }, () => {
  test('what a server has at its storage', async () => {
    const elsewhere = { 'CLOUD_SERVER_STORAGE_S3_ENDPOINT=https://t3.storage.dev … ': '' };
    await playAll([
      ['cloud admin drift', /./],
      ['cloud admin drift --fix --yes', /./],
      ['cloud admin tenant check acme', /./],
      ['cloud admin tenant check --json', /\[\]/],
      [
        'CLOUD_SERVER_STORAGE_S3_ENDPOINT=https://t3.storage.dev … cloud server check-storage',
        /./,
        { swap: elsewhere },
      ],
      ['cloud server check-storage --json', /"type":"result"/],
    ]);
  });

  mountTest('setting up, and mounting', async () => {
    await playAll([
      ['cloud setup --server https://cloud.example --token-stdin < key.txt', /Ready\./],
      ['cloud mount-status', /CloudMount\/acme/],
      ['cloud mount-status --json', /"state": "mounted"/],
      ['cloud mount-status --watch', /mounted/, { goesOn: true }],
      ['cloud unmount', /is unmounted; everything is in the bucket/],
      ['cloud mount --profile fast', /is mounted at .*\(fast\)/],
      ['cloud unmount ~/CloudMount/acme --timeout 1m', /is unmounted/],
      ['cloud mount --path ~/bucket --read-only', /read-only/],
    ]);
    await beforehand('cloud unmount');
  });

  test('accounts, settings, and help', async () => {
    await playAll([
      ['cloud login --token-stdin < key.txt', /acme/],
      ['cloud whoami', /acme/],
      ['cloud whoami --json', /"tenant"/],
      ['cloud context list', /acme/],
      ['cloud context list --json', /"current": true/],
      ['cloud context use acme', /acme/],
      ['cloud context use acme --json', /"name": "acme"/],
      ['cloud config list', /profile/],
      ['cloud config list --json', /"key"/],
      ['cloud config set profile fast', /fast/],
      ['cloud config get profile', /fast/],
      ['cloud config set profile --unset', /profile/],
      ['cloud config get server --json', /"value"/],
      ['cloud help', /COMMANDS/],
      ['cloud help mount', /Mount the bucket/],
      ['cloud help mount-vs-bisync', /mount/],
      ['cloud profiles list', /balanced/],
      ['cloud profiles list --json', /"name": "safe"/],
      ['cloud profiles show safe', /safe/],
      ['cloud profiles show fast --json', /"name": "fast"/],
      ['cloud completion bash > ~/.local/share/bash-completion/completions/cloud', /^$/],
      ['cloud completion zsh > "${fpath[1]}/_cloud"', /^$/, { swap: { '${fpath[1]}': '.' } }],
      ['cloud completion fish > ~/.config/fish/completions/cloud.fish', /^$/],
      ['cloud completion powershell >> $PROFILE', /^$/, { swap: { $PROFILE: 'profile.ps1' } }],
      ['cloud rclone version', /rclone/],
      ['cloud rclone version --json', /"version"/],
      ['$(cloud rclone path) version', /rclone v/],
      ['cloud rclone path --json', /"path"/],
    ]);
  });

  test('a synced folder', async () => {
    await mkdir(join(home, 'notes', 'notes'), { recursive: true });
    await writeFile(join(home, 'notes', 'notes', 'plan.md'), 'first');
    await playAll([
      ['cloud setup --mode bisync --path ~/notes --yes', /Ready\./],
      ['cloud bisync', /Nothing to move|in sync/i],
      ['cloud bisync --profile safe --dry-run', /Nothing/i],
      ['cloud check', /differ|equal|same/i],
      ['cloud check --json', /"differences"|"equal"/],
      ['cloud activity', /plan\.md/],
      ['cloud activity notes/ --limit 5', /plan\.md/],
      ['cloud activity --follow --json', /plan\.md/, { goesOn: true }],
      ['cloud bisync --watch', /watching .*notes/, { goesOn: true }],
      ['cloud flush', /are equal/],
      ['cloud flush --timeout 2m && echo "safe in the bucket"', /safe in the bucket/],
      ['cloud pause', /./],
      ['cloud pause --for 1h', /./],
      ['cloud resume', /./],
      ['cloud resume --path ~/notes', /./],
      ['cloud status', /State +idle/],
      ['cloud status --json', /"folders"/],
      ['cloud doctor', /failure/, {}],
      ['cloud doctor --fix', /failure/, {}],
      ['cloud doctor --json', /"findings"/, {}],
      ['cloud filters show', /\.git/],
      ['cloud filters show --gitignore --json', /"rules"|\[/],
      ['cloud filters show --rclone > rules.txt', /^$/],
      ['cloud filters test notes/draft.md', /notes\/draft\.md/],
      ['cloud filters test build/ a.log --json', /a\.log/],
      ['EDITOR=nano cloud filters edit', /needs a terminal/, { exitCode: 2 }],
      ['cloud filters edit', /needs a terminal/, { exitCode: 2 }],
    ]);
  });

  test('taking back', async () => {
    await writeFile(join(home, 'notes', 'notes', 'plan.md'), 'second');
    await beforehand('cloud bisync');
    await playAll([
      ['cloud history notes/plan.md', /plan\.md|version/i],
      ['cloud history notes/plan.md --json', /"entries"/],
      ['cloud undo --list', /./],
      ['cloud undo --dry-run', /plan\.md/],
      ['cloud undo', /plan\.md|taken back/i],
      ['cloud restore notes/plan.md', /plan\.md/],
      [
        'cloud restore notes --at 2h --to /tmp/notes-of-noon',
        /./,
        { swap: { '--at 2h': '--at 1s', '/tmp/notes-of-noon': '~/notes-of-noon' } },
      ],
      ['cloud trash list', /plan\.md/],
      ['cloud trash list notes --json', /plan\.md/],
      [
        'cloud trash restore notes/plan.md --to /tmp',
        /plan\.md/,
        { swap: { ' /tmp': ' ~/restored' } },
      ],
      ['cloud trash restore notes/plan.md', /plan\.md/],
      ['cloud trash empty --older-than 7d', /--yes|trash/, { exitCode: 2 }],
      ['cloud trash empty --yes', /trash/],
      ['cloud snapshot create --name "before the move"', /before the move/],
      ['cloud snapshot create --json', /"/],
      ['cloud snapshot list', /before the move/],
      ['cloud snapshot list --output tsv', /before the move/],
      ['cloud snapshot browse "before the move" --json', /plan\.md/],
      ['cloud snapshot browse 2h notes/', /plan\.md/, { swap: { ' 2h ': ' 0s ' } }],
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
      await writeFile(join(home, 'other', 'notes', 'plan.md'), `${text} there`);
      await beforehand(`${elsewhere} cloud bisync`);
      await writeFile(join(home, 'notes', 'notes', 'plan.md'), `${text} here, and longer`);
      await beforehand('cloud bisync --conflicts none || test $? = 3');
    };
    await conflict('one');
    await playAll([
      ['cloud conflicts list', /plan\.md/],
      ['cloud conflicts list --json', /"conflicts"/],
      ['cloud conflicts show notes/plan.md', /plan\.md/],
      ['cloud conflicts show notes/plan.md --json', /"local"/],
      ['cloud conflicts diff notes/plan.md', /there/],
      ['cloud conflicts diff notes/plan.md | less', /there/],
      ['cloud conflicts resolve notes/plan.md --keep local', /plan\.md/],
    ]);
    await beforehand(`cloud bisync && ${elsewhere} cloud bisync`);
    await conflict('two');
    await playAll([
      ['cloud conflicts resolve --all --keep newer --yes', /is the local version now/],
    ]);
  });

  test('keys of the bucket and for programs', async () => {
    await playAll([
      ['cloud rclone export', /acme/],
      ['cloud rclone export --name work --with-keys', /work/],
      ['cloud credentials list', /this machine/],
      ['cloud credentials list --json', /"id"/],
      ['cloud credentials rotate', /./],
      ['cloud credentials rotate --all', /./],
      [
        'cloud api-keys add --label "build machine" --scope mount:read > key.txt',
        /./,
        { swap: { 'key.txt': 'build-key.txt' } },
      ],
      ['cloud api-keys add --label backup --expires-in 30d --json', /"key"|"api_key"/],
      ['cloud api-keys list', /backup/],
      ['cloud api-keys list --json', /"backup"/],
      [
        'cloud api-keys rotate "build machine" --overlap 1d > key.txt',
        /./,
        { swap: { 'key.txt': 'build-key.txt' } },
      ],
      ['cloud api-keys rotate', /./],
      ['cloud api-keys revoke "build machine"', /--yes/, { exitCode: 2 }],
    ]);
    const [apiKey, bucketKey] = [
      await idIn('cloud api-keys list', /backup/),
      await idIn('cloud credentials list'),
    ];
    await playAll([
      ['cloud api-keys revoke Gx81kQz0aB3c --yes', /has ended/, { swap: { Gx81kQz0aB3c: apiKey } }],
      [
        'cloud credentials revoke 0b4f8a17',
        /--yes|revoked/,
        { exitCode: 2, swap: { '0b4f8a17': bucketKey } },
      ],
      ['cloud credentials revoke --all --yes', /revoked/i],
    ]);
  });

  test('administering users and members', async () => {
    await playAll([
      ['cloud admin tenant member list acme', /No|member|user/i],
      ['cloud admin user add ada --name "Ada Lovelace"', /\S{12}/],
      ['cloud admin user add boss --role admin --password-stdin < password.txt', /boss/],
      ['cloud admin user list', /Ada Lovelace/],
      ['cloud admin user show ada', /ada/],
      ['cloud admin user show ada --json', /"username": "ada"/],
      ['cloud admin user set ada --role admin', /ada/],
      ['cloud admin user set ada --email ""', /ada/],
      ['cloud admin user reset-password ada', /\S{12}|--yes/],
      ['cloud admin user reset-password ada --password-stdin < password.txt', /ada/],
    ]);
    await beforehand(
      'cloud admin user add bob > bob.txt; cloud admin user add grace > grace.txt; cloud admin user set ada --role member',
    );
    await playAll([
      ['cloud admin tenant member add acme ada --role editor', /ada/],
      ['cloud admin tenant member add acme bob --role viewer --json', /"viewer"/],
      ['cloud admin tenant member list acme --output tsv', /bob/],
      ['cloud admin tenant member set acme ada --role tenant_admin', /tenant_admin|ada/],
      ['cloud admin tenant member set acme ada --role viewer --json', /"viewer"/],
      ['cloud admin user list --tenant acme --output tsv', /ada/],
      ['cloud login --username ada --password-stdin --tenant acme < password.txt', /acme/],
      ['cloud sessions list', /./],
      ['cloud sessions list --json', /"id"/],
      ['cloud sessions revoke --others --yes', /./],
    ]);
    const session = await idIn('cloud sessions list');
    await playAll([
      ['cloud sessions revoke 0b4f8a17', /Ended 1 session/, { swap: { '0b4f8a17': session } }],
      ['cloud admin tenant member remove acme ada', /--yes/, { exitCode: 2 }],
      ['cloud admin tenant member remove acme ada --yes', /ada/],
      ['cloud admin user deactivate ada', /--yes/, { exitCode: 2 }],
      ['cloud admin user deactivate ada --yes', /ada/],
      ['cloud admin user activate ada', /ada/],
      ['cloud admin user activate ada --json', /"username": "ada"|ada/],

      ['cloud login --server https://cloud.example', /no-token|sign in|API key/i, { exitCode: 4 }],
    ]);
  });

  test('signing out', async () => {
    const again = 'cloud login --username ada --password-stdin --tenant acme < password.txt';
    await beforehand('cloud admin tenant member add acme ada --role editor');
    for (const line of [
      ['cloud logout --context acme', /acme/],
      ['cloud logout', /acme/],
      ['cloud logout --all --yes', /acme/],
    ] as const) {
      await beforehand(again);
      await playAll([line]);
    }
  });

  test('sign-in at an issuer', async () => {
    const provider = await startProvider();
    const at = { 'https://id.example': provider.issuer };
    const add = 'cloud admin issuer add work --url https://id.example --client-id cloud-cli';
    await playAll(
      [
        [add, /work/],
        ['cloud admin issuer list', /work/],
        ['cloud admin issuer list --output tsv', /work/],
        ['cloud admin issuer show work', /work/],
        ['cloud admin issuer show work --json', /"work"/],
        ['cloud admin issuer link work 248289761001 --user ada', /ada/],
        ['cloud admin issuer link work 00uid4BxXw6I6TV4m0g3 --user grace --json', /grace/],
        ['cloud admin issuer unlink work 248289761001', /--yes/, { exitCode: 2 }],
        ['cloud admin issuer unlink work 248289761001 --yes', /248289761001|unlinked/i],
        ['cloud admin issuer remove work', /--yes/, { exitCode: 2 }],
        ['cloud admin issuer remove work --yes', /not trusted any more/],
        [`${add} --create-users --tenant-claim groups`, /work/],
      ],
      at,
    );
    await provider[Symbol.asyncDispose]();
  });

  test('administering tokens and reading the audit trail', async () => {
    await playAll([
      [
        'cloud admin token add --label "build machine" --tenant acme --scope mount:read > key.txt',
        /./,
        { swap: { 'key.txt': 'token.txt' } },
      ],
      [
        'cloud admin token add --label deploy --instance --scope tenants --expires-in 30d --json',
        /"deploy"/,
      ],
      ['cloud admin token list', /deploy/],
      ['cloud admin token list --tenant acme --all --output tsv', /build machine/],
    ]);
    const id = await idIn('cloud admin token list', /deploy/);
    const swap = { Gx81kQz0aB3c: id };
    await playAll([
      ['cloud admin token revoke Gx81kQz0aB3c', /--yes/, { exitCode: 2, swap }],
      ['cloud admin token rotate Gx81kQz0aB3c --overlap 1d --json', /"/, { swap }],
      [
        'cloud admin token rotate Gx81kQz0aB3c > token.txt',
        /./,
        { swap: { Gx81kQz0aB3c: await idIn('cloud admin token list --tenant acme', /build/) } },
      ],
      ['cloud admin token revoke Gx81kQz0aB3c --yes', /has ended/, { swap }],
      ['cloud admin audit list --since 1d --tenant acme', /acme/],
      ['cloud admin audit list --actor ada --type TokenCreated --json', /\[/],
      ['cloud admin audit export audit.ndjson', /audit\.ndjson/],
      ['cloud admin audit export --since 7d | jq .type', /./, { swap: { 'jq .type': 'head -3' } }],
      ['cloud admin audit verify', /./],
      ['cloud admin audit verify --file audit.ndjson', /./],
    ]);
  });

  test('administering tenants', async () => {
    await playAll([
      ['cloud admin tenant list', /globex/],
      ['cloud admin tenant list --output tsv', /globex/],
      ['cloud admin tenant show acme', /acme/],
      ['cloud admin tenant show acme --json', /"slug": "acme"/],
      ['cloud admin tenant set acme --name "Acme Inc."', /acme was changed/],
      ['cloud admin tenant set acme --sync-url ""', /acme/i],
      ['cloud admin tenant set acme --max-keys 200 --max-tokens default', /200|acme/i],
      ['cloud admin tenant deny acme --reason "invoice 42 is open"', /--yes/, { exitCode: 2 }],
      ['cloud admin tenant deny acme --yes', /acme/i],
      ['cloud admin tenant allow acme', /acme/i],
      ['cloud admin tenant allow acme --reason "paid again"', /acme/i],
      ['cloud admin tenant remove acme', /--yes/, { exitCode: 2 }],
      ['cloud admin tenant remove acme --yes', /acme/i],
      ['cloud admin tenant purge acme --dry-run', /acme/i],
      ['cloud admin tenant abandon acme --dry-run', /No purge of acme is stuck/, { exitCode: 1 }],
      ['cloud admin tenant abandon acme --yes', /No purge of acme is stuck/, { exitCode: 1 }],
      ['cloud admin tenant restore acme', /acme/i],
      ['cloud admin tenant restore acme --json', /acme/],
      ['cloud admin tenant rename acme acme-inc', /acme-inc/],
      [
        'cloud admin tenant rename acme acme-inc --json',
        /acme-inc/,
        { swap: { ' acme acme-inc': ' acme-inc acme' } },
      ],
      [
        'cloud admin tenant add --slug acme --name "Acme Inc."',
        /acme/,
        { swap: { ' acme ': ' acme-two ' } },
      ],
      [
        'cloud admin tenant add --slug acme --name Acme --print-token | cloud login --token-stdin',
        /acme/,
        { swap: { ' acme ': ' acme-three ' } },
      ],
      ['cloud admin import tenants.ndjson --dry-run', /Would make 2; 1 there already/],
      ['cloud admin import tenants.ndjson --output tsv > made.tsv', /Made 2; 1 there already/],
    ]);
    await beforehand('cloud admin tenant remove acme-two --yes');
    await playAll([
      ['cloud admin tenant purge acme --yes', /acme/i, { swap: { ' acme ': ' acme-two ' } }],
    ]);
  });

  test('running a server', async () => {
    const swap = { '/srv/cloud': '~/srv', '/backups/cloud': '~/backup' };
    await playAll(
      [
        ['cloud server keys list', /active/],
        ['cloud server keys list --output tsv', /active/],
        ['cloud server keys rotate --compromised', /What the old key signed is refused/],
        // Others may keep the set of keys for a while, so one soon after another has to wait.
        ['cloud server keys rotate', /Try again in/, { exitCode: 1 }],
        ['cloud admin jobs list', /expiry/],
        ['cloud admin jobs list --json', /"deletion-retry"/],
        ['cloud admin jobs run deletion-retry', /deletion-retry/],
        ['cloud admin jobs run expiry --dry-run', /expiry/],
        ['cloud server migrate', /Migrated|up to date/],
        ['cloud server migrate --data /srv/cloud', /Migrated/],
        [
          'cloud server start',
          /Server +http/,
          { goesOn: true, swap: { 'server start': 'server start --port 0' } },
        ],
        [
          'cloud server start --port 9000 --data /srv/cloud',
          /Server +http/,
          { goesOn: true, swap: { '--port 9000': '--port 0' } },
        ],
        ['cloud server recover', /admin-token|token/],
        ['cloud server recover --data /srv/cloud', /admin-token|token/],
        ['cloud server backup /backups/cloud', /server\.sqlite/],
        [
          'cloud server backup /backups/cloud --data /srv/cloud',
          /server\.sqlite/,
          { swap: { '/backups/cloud': '~/backup-two' } },
        ],
      ],
      swap,
    );
  });

  test('in the background, where no manager can be reached', async () => {
    // How they turn out with one is in service.test.ts.
    const none = { exitCode: 10 };
    for (const kind of ['bisync', 'mount']) {
      await playAll([
        [`cloud ${kind}-service install`, /systemd/, { exitCode: 78 }],
        [`cloud ${kind}-service install --profile safe --no-start`, /systemd/, { exitCode: 78 }],
        [`cloud ${kind}-service status`, /not installed/, none],
        [`cloud ${kind}-service status --json`, /"not-installed"/, none],
        ...['start', 'stop', 'restart'].flatMap((verb): Line[] => [
          [`cloud ${kind}-service ${verb}`, /There is no/, none],
          [`cloud ${kind}-service ${verb} --json`, /"service-not-installed"/, none],
        ]),
        [`cloud ${kind}-service logs --limit 20`, /There is no/, none],
        [`cloud ${kind}-service logs --follow`, /There is no/, none],
        [`cloud ${kind}-service uninstall`, /systemd/, { exitCode: 78 }],
        [`cloud ${kind}-service uninstall --json`, /no-service-manager/, { exitCode: 78 }],
      ]);
    }
  });

  test('rclone', async () => {
    await playAll([
      ['cloud rclone install', /./],
      [
        'cloud rclone install --method official --mirror https://mirror.example/rclone',
        /./,
        { exitCode: 12, swap: { 'https://mirror.example': 'http://127.0.0.1:9' } },
      ],
      ['cloud rclone update', /not installed by cloud/, { exitCode: 12 }],
      ['cloud rclone update --json', /rclone-not-ours/, { exitCode: 12 }],
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

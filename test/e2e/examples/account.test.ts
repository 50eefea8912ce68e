import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examplesOf, row } from '../../support/help-reader.ts';

examplesOf('account', (reader) => {
  test('accounts, settings, and help', async () => {
    const { server, playAll, beforehand, inHome } = reader();
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
    ]);
    await beforehand('cloud logout --context other');
  });

  test('keys of the bucket and for programs', async () => {
    const { server, admin, home, playAll, beforehand, idIn, clientOf, inHome, write } = reader();
    const { bucket_name: name } = await admin.showTenant('acme');
    await mkdir(join(home, 'notes', 'notes'), { recursive: true });
    await write('notes/notes/plan.md', 'first');
    await beforehand('cloud setup --mode bisync --path ~/notes --yes');
    const rcloneConfig = () => inHome('.config/rclone/rclone.conf');
    /** Of the keys of acme's bucket that are in force. */
    const bucketKeys = async () => {
      const { credentials } = await clientOf(server.apiKeyOf('acme')).listMountCredentials();
      return credentials.map(({ access_key }) => access_key);
    };
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

  test('sessions', async () => {
    const { playAll, beforehand, idIn, signedInAs, addEditor } = reader();
    await addEditor('ada');
    await playAll([
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
        'cloud login --server https://cloud.example',
        /There is nothing to sign in with/,
        { exitCode: 4 },
      ],
    ]);
  });

  test('signing out', async () => {
    const { playAll, beforehand, contexts } = reader();
    const again = 'cloud login --username ada --password-stdin --tenant acme < password.txt';
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
});

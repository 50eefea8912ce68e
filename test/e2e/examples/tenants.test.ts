import { expect, test } from 'vitest';
import { examplesOf, row } from '../../support/help-reader.ts';
import { storageInside } from '../../support/storage-inside.ts';

examplesOf('tenants', (reader) => {
  test('administering tokens and reading the audit trail', async () => {
    const { server, admin, playAll, idIn, clientOf, signedInAs, addEditor, inHome } = reader();
    const works = async (file: string) => (await clientOf((await inHome(file)).trim()).me()).scopes;
    const inForce = async () => (await admin.listAdminTokens({})).tokens.map(({ id }) => id);
    await addEditor('ada');
    const acme = clientOf(server.apiKeyOf('acme'));
    const { id: ended } = await acme.createApiKey({
      label: 'build machine',
      scopes: ['mount:read'],
    });
    await acme.revokeApiKey(ended);
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
    const { server, admin, playAll, beforehand, clientOf, inHome, contexts } = reader();
    const slugs = async () => (await admin.listTenants()).tenants.map(({ slug }) => slug);
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
});

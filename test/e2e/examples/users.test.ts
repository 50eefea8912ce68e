import { expect, test } from 'vitest';
import { examplesOf } from '../../support/help-reader.ts';
import { startProvider } from '../../support/oidc-provider.ts';

examplesOf('users', (reader) => {
  test('administering users and members', async () => {
    const { admin, playAll, beforehand, isPassword } = reader();
    const rolesIn = async (slug: string) =>
      Object.fromEntries(
        (await admin.listMembers(slug)).map(({ user, role }) => [user.username, role]),
      );
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
    ]);
  });

  test('sign-in at an issuer', async () => {
    const { admin, playAll } = reader();
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
});

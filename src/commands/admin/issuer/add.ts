import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ISSUER_ALGORITHMS } from '../../../api/contract/issuers.ts';
import { TenantRole } from '../../../api/contract/scopes.ts';
import { BaseCommand } from '../../../cli/base-command.ts';

export default class AdminIssuerAdd extends BaseCommand<typeof AdminIssuerAdd> {
  static override summary = 'Trust an identity provider (OpenID Connect) to say who somebody is.';
  static override description =
    'The provider needs a public client with the device flow (RFC 8628) for `cloud login`.';
  static override hiddenAliases = ['admin:issuer:create'];
  static override args = {
    name: Args.string({ required: true, description: 'How people name it: --issuer NAME.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> work --url https://id.example --client-id cloud-cli',
    '<%= config.bin %> <%= command.id %> work --url https://id.example --client-id cloud-cli --create-users --tenant-claim groups',
  ];
  static override flags = {
    url: Flags.string({ required: true, description: 'Its address, as in `iss` of its tokens.' }),
    'client-id': Flags.string({ required: true, description: 'Of the client registered there.' }),
    scope: Flags.string({ description: 'What to ask for. Default: openid profile email.' }),
    audience: Flags.string({ description: 'What `aud` has to name. Default: the client.' }),
    algorithm: Flags.option({ options: ISSUER_ALGORITHMS, multiple: true as const })({
      description: 'Allowed signature. Default: what it announces of these.',
    }),
    'clock-skew': Flags.integer({ description: 'Seconds that its clock may be off.' }),
    'tenant-claim': Flags.string({
      description: 'Claim that names the tenants of a person. Default: members are added here.',
    }),
    'member-role': Flags.option({ options: TenantRole.options })({
      description: 'Role of members that the claim makes. Default: editor.',
      dependsOn: ['tenant-claim'],
    }),
    'create-users': Flags.boolean({ description: 'Make a user of whoever signs in there.' }),
    'session-days': Flags.integer({
      description: 'Days until one has to sign in there again. Default: 30.',
    }),
  };

  override async run(): Promise<void> {
    const { openAdminClient } = await import('../../../admin/admin-client.ts');
    const { addIssuer } = await import('../../../admin/issuers.ts');
    const { presentAddedIssuer } = await import('../../../admin/present-issuers.ts');
    const client = await openAdminClient(this.host, this.flags, this.signal);
    const { url, scope, audience, algorithm: algorithms, ...flags } = this.flags;
    const issuer = await addIssuer(client, {
      ...{ name: this.args.name, url, scope, audience, algorithms },
      client_id: flags['client-id'],
      clock_skew: flags['clock-skew'],
      tenant_claim: flags['tenant-claim'],
      member_role: flags['member-role'],
      create_users: flags['create-users'],
      session_days: flags['session-days'],
    });
    this.out.result(issuer, presentAddedIssuer);
  }
}

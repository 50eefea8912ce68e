import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class Login extends BaseCommand<typeof Login> {
  static override summary = 'Sign in: by a code in the browser, a password or an API key.';
  static override description =
    'On a terminal a code is shown, to be approved in a browser on this or any other device. Passwords and keys are read from standard input, from CLOUD_TOKEN or from a hidden prompt, never from a flag.';
  static override flags = {
    username: Flags.string({
      description: 'Sign in with this user name and a password.',
      helpValue: 'NAME',
      exclusive: ['token-stdin', 'device'],
    }),
    'password-stdin': Flags.boolean({
      description: 'Read the password from standard input.',
      dependsOn: ['username'],
    }),
    'token-stdin': Flags.boolean({
      description: 'Read an API key from standard input.',
      exclusive: ['device'],
    }),
    tenant: Flags.string({
      description: 'Tenant to work in, where you belong to several.',
      helpValue: 'SLUG',
      env: 'CLOUD_TENANT',
    }),
    admin: Flags.boolean({
      description: 'Sign in to administer the server (`cloud admin`), for no tenant.',
      exclusive: ['tenant', 'token-stdin'],
    }),
    device: Flags.boolean({
      description: 'Show a code to approve in a browser also where this is no terminal.',
    }),
    issuer: Flags.string({
      description: 'Sign in at this identity provider that the server trusts.',
      helpValue: 'NAME|URL',
      env: 'CLOUD_ISSUER',
      exclusive: ['username', 'token-stdin', 'no-issuer'],
    }),
    'no-issuer': Flags.boolean({
      description: 'Sign in at the server itself, whatever it trusts.',
    }),
    browser: Flags.boolean({
      allowNo: true,
      default: true,
      description: 'Open a browser where there is one.',
      env: 'CLOUD_BROWSER',
    }),
    'insecure-storage': Flags.boolean({
      description: 'Without a keychain, keep the secrets in a file only your user can read.',
      env: 'CLOUD_INSECURE_STORAGE',
    }),
  };
  static override examples = [
    {
      description: 'Approve a code in the browser',
      command: '<%= config.bin %> <%= command.id %> --server https://cloud.example',
    },
    {
      description: 'With a password, in a script',
      command:
        '<%= config.bin %> <%= command.id %> --username ada --password-stdin --tenant acme < password.txt',
    },
    {
      description: 'With an API key that lies in a file',
      command: '<%= config.bin %> <%= command.id %> --token-stdin < key.txt',
    },
  ];

  override async run(): Promise<void> {
    const { requestSignIn } = await import('../cli/sign-in-request.ts');
    const { secretsForSignIn } = await import('../cli/secret-storage.ts');
    const { resolveServer } = await import('../session/settings.ts');
    const { presentSignedIn } = await import('../session/present-session.ts');
    const { host, out, signal, flags } = this;
    const server = await resolveServer(host, flags);
    const secrets = await secretsForSignIn(host, flags, { out, signal });
    const issuer = flags['no-issuer'] ? null : flags.issuer;
    const result = await requestSignIn(
      server.url,
      { ...flags, issuer },
      { host, out, secrets, signal },
    );
    // The code before it was an event of its own, so this is another line.
    if (flags.device) out.final(result, presentSignedIn);
    else out.result(result, presentSignedIn);
  }
}

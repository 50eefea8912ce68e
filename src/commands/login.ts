import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class Login extends BaseCommand<typeof Login> {
  static override summary = 'Sign in to a server with an API key.';
  static override description =
    'The key is read from standard input, from CLOUD_TOKEN or, on a terminal, asked for; never from a flag.';
  static override flags = {
    'token-stdin': Flags.boolean({ description: 'Read the API key from standard input.' }),
    'insecure-storage': Flags.boolean({
      description: 'Without a keychain, keep the secrets in a file only your user can read.',
      env: 'CLOUD_INSECURE_STORAGE',
    }),
  };
  static override examples = [
    {
      description: 'Sign in to your own server with a key that lies in a file',
      command:
        '<%= config.bin %> <%= command.id %> --server https://cloud.example --token-stdin < key.txt',
    },
    {
      description: 'Be asked for the key',
      command: '<%= config.bin %> <%= command.id %>',
    },
  ];

  override async run(): Promise<void> {
    const { readApiKey } = await import('../cli/api-key-input.ts');
    const { openSecretStore } = await import('../session/secret-store.ts');
    const { resolveServer } = await import('../session/settings.ts');
    const { signIn } = await import('../session/sign-in.ts');
    const { presentSignedIn } = await import('../session/present-session.ts');
    const server = await resolveServer(this.host, this.flags);
    const apiKey = await readApiKey({
      stdin: this.flags['token-stdin'],
      env: this.host.env,
      interactive: this.out.options.interactive,
      signal: this.signal,
    });
    const secrets = openSecretStore(this.host, { insecureStorage: this.flags['insecure-storage'] });
    const options = { server: server.url, apiKey, contextName: this.flags.context, store: true };
    this.out.result(await signIn(options, this.host, secrets), presentSignedIn);
  }
}

import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class Logout extends BaseCommand<typeof Logout> {
  static override summary = 'Sign out: end the session on the server and forget the secrets.';
  static override description =
    "Files stay where they are. This machine's key for the bucket is revoked too, unless --keep-key says otherwise; on a terminal you are asked. Offline, the local part is done all the same, and what was not revoked is named.";
  static override flags = {
    all: Flags.boolean({
      description: 'Sign out of every context of this machine.',
      exclusive: ['context', 'server'],
    }),
    'keep-key': Flags.boolean({
      description: "Leave this machine's bucket key valid, for what was exported with it.",
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --context acme',
    '<%= config.bin %> <%= command.id %> --all --yes',
  ];

  override async run(): Promise<void> {
    const { refuseWhileMounted } = await import('../mount/in-use.ts');
    const { openSecretStore } = await import('../session/secret-store.ts');
    const { signOut, signOutOfAll } = await import('../session/sign-out.ts');
    const { presentSignedOut } = await import('../session/present-session.ts');
    const deps = {
      signal: this.signal,
      secrets: openSecretStore(this.host),
      check: (context: string) => refuseWhileMounted(this.host, context),
      revokeKey: (context: string) => this.#revokeKey(context),
    };
    if (this.flags.all) {
      const results = await signOutOfAll(this.host, deps);
      const present = (): string =>
        results.map(presentSignedOut).join('\n') || 'Nobody is signed in here.';
      this.out.result(results, present);
    } else {
      this.out.result(await signOut(this.host, this.flags, deps), presentSignedOut);
    }
  }

  /** A key that is forgotten here and valid there is of use only to what was exported with it. */
  async #revokeKey(context: string): Promise<boolean> {
    if (this.flags['keep-key']) return false;
    if (!this.out.options.interactive || this.flags.yes) return true;
    const { askYes } = await import('../output/prompt.ts');
    return askYes(`Revoke this machine's key for the bucket of ${context}?`, this.signal);
  }
}

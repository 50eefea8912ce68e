import { BaseCommand } from '../cli/base-command.ts';

export default class Logout extends BaseCommand<typeof Logout> {
  static override summary = "Sign out: revoke this machine's bucket key and forget the secrets.";
  static override description =
    'Files stay where they are. The server is asked to revoke first; offline, the local part is done all the same.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --context acme',
  ];

  override async run(): Promise<void> {
    const { refuseWhileMounted } = await import('../mount/in-use.ts');
    const { signOut } = await import('../session/sign-in.ts');
    const { presentSignedOut } = await import('../session/present-session.ts');
    const result = await signOut(this.host, this.flags, {
      signal: this.signal,
      check: (context) => refuseWhileMounted(this.host, context),
    });
    this.out.result(result, presentSignedOut);
  }
}

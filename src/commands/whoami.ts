import { BaseCommand } from '../cli/base-command.ts';

export default class Whoami extends BaseCommand<typeof Whoami> {
  static override summary = 'Show who you are signed in as, asking the server.';
  static override description =
    'Asks the server, so it also shows whether the sign-in still holds: it ends with 4 when it does not.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../session/open.ts');
    const { whoAmI } = await import('../session/who-am-i.ts');
    const { presentWhoAmI } = await import('../session/present-session.ts');
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    this.out.result(await whoAmI(account, this.host), presentWhoAmI);
  }
}

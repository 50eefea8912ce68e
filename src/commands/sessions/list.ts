import { BaseCommand } from '../../cli/base-command.ts';

export default class SessionsList extends BaseCommand<typeof SessionsList> {
  static override summary = 'List where you are signed in.';
  static override description =
    'Every machine and browser where you signed in and did not sign out, with when it was last used.';
  static override hiddenAliases = ['sessions:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../../session/open.ts');
    const { listSessions } = await import('../../access/sessions.ts');
    const { SESSIONS } = await import('../../access/present-access.ts');
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    this.out.list(await listSessions(account), SESSIONS);
  }
}

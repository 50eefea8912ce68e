import { BaseCommand } from '../../cli/base-command.ts';

export default class SessionsList extends BaseCommand<typeof SessionsList> {
  static override summary = 'List where you are signed in.';
  static override hiddenAliases = ['sessions:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { openSession } = await import('../../session/open.ts');
    const { listSessions } = await import('../../access/sessions.ts');
    const { SESSION_COLUMNS, sessionRow } = await import('../../access/present-access.ts');
    const session = await openSession(this.host, this.flags, { signal: this.signal });
    const rows = (await listSessions(session)).map((each) => sessionRow(each, this.out));
    this.out.rows(rows, SESSION_COLUMNS, 'There is no session.');
  }
}

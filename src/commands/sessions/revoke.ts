import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class SessionsRevoke extends BaseCommand<typeof SessionsRevoke> {
  static override summary = 'Sign out elsewhere: end a session at once.';
  static override description =
    'What is revoked is signed out at once, and its bucket keys end with it.';
  static override hiddenAliases = ['sessions:rm', 'sessions:remove'];
  static override args = {
    id: Args.string({ description: 'Id of the session, or its beginning.', required: false }),
  };
  static override flags = {
    others: Flags.boolean({ description: 'All but the one of this machine.', exclusive: ['all'] }),
    all: Flags.boolean({ description: 'All of them, this machine signed out too.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0b4f8a17',
    '<%= config.bin %> <%= command.id %> --others --yes',
  ];

  override async run(): Promise<void> {
    const { openAccount } = await import('../../session/open.ts');
    const { revokeSessions } = await import('../../access/sessions.ts');
    const { presentRevokedSessions } = await import('../../access/present-access.ts');
    const { oneOrMany } = await import('../../cli/one-or-many.ts');
    const which = oneOrMany(this.args.id, this.flags, 'cloud sessions list');
    const account = await openAccount(this.host, this.flags, { signal: this.signal });
    if (typeof which === 'string') await this.agreed(`End ${which} of your sessions?`);
    this.out.result(await revokeSessions(account, which), presentRevokedSessions);
  }
}

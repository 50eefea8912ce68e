import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class ServerBackup extends BaseCommand<typeof ServerBackup> {
  static override summary = "Copy a server's database and keys, also while it runs.";
  static override description =
    'What is made is a data folder: `cloud server start --data FOLDER` starts it. Keep it as secret as the original. Objects of the embedded storage are not in it; a database in PostgreSQL has its own tools.';
  static override args = {
    folder: Args.string({ required: true, description: 'Folder to make.' }),
  };
  static override flags = {
    data: Flags.string({ description: 'Folder of the database and files.', helpValue: 'DIR' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> /backups/cloud',
    '<%= config.bin %> <%= command.id %> /backups/cloud --data /srv/cloud',
  ];

  override async run(): Promise<void> {
    const { backupServer } = await import('../../local-server/backup-server.ts');
    const { presentBackup } = await import('../../local-server/present-server.ts');
    const { data: dataFolder } = this.flags;
    const result = await backupServer(this.host, { dataFolder }, this.args.folder);
    this.out.result(result, presentBackup);
  }
}

import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class ServerMigrate extends BaseCommand<typeof ServerMigrate> {
  static override summary =
    "Bring a stopped server's database to this version (start does it too).";
  static override description =
    'It needs the database for itself and changes nothing else. Safe to run again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --data /srv/cloud',
  ];
  static override flags = {
    data: Flags.string({ description: 'Folder of the database and files.', helpValue: 'DIR' }),
  };

  override async run(): Promise<void> {
    const { migrateServer } = await import('../../local-server/migrate-server.ts');
    const { presentMigration } = await import('../../local-server/present-server.ts');
    const result = await migrateServer(this.host, { dataFolder: this.flags.data });
    this.out.result(result, presentMigration);
  }
}

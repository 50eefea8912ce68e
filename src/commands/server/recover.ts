import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class ServerRecover extends BaseCommand<typeof ServerRecover> {
  static override summary = 'Make an admin token here, when the last one was lost.';
  static override description =
    "For whoever can read the server's folder and database; the server may be running. The token goes to a file that only you can read, not to the screen. It may do everything: end the lost ones with `cloud admin token revoke`.";
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --data /srv/cloud',
  ];
  static override flags = {
    data: Flags.string({ description: 'Folder of the database and files.', helpValue: 'DIR' }),
  };

  override async run(): Promise<void> {
    const { recoverServer } = await import('../../local-server/recover-server.ts');
    const { presentRecovered } = await import('../../local-server/present-server.ts');
    this.out.result(
      await recoverServer(this.host, { dataFolder: this.flags.data }),
      presentRecovered,
    );
  }
}

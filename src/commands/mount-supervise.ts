import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class MountSupervise extends BaseCommand<typeof MountSupervise> {
  static override summary = 'Serve a mount; started by `cloud mount`.';
  static override hidden = true;
  static override args = { id: Args.string({ required: true, description: 'Id of the mount.' }) };
  static override flags = { rclone: Flags.string({ description: 'The rclone to use.' }) };
  static override examples = ['<%= config.bin %> <%= command.id %> ID'];

  override async run(): Promise<void> {
    const { serveRecordedMount } = await import('../cli/mount-service.ts');
    const { id } = this.args;
    await serveRecordedMount(this.host, id, { rclonePath: this.flags.rclone, signal: this.signal });
  }
}

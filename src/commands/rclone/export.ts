import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class RcloneExport extends BaseCommand<typeof RcloneExport> {
  static override summary = 'Add your bucket to your own rclone.conf, to use rclone by hand.';
  static override description =
    'The file is the one that RCLONE_CONFIG names, else the one that rclone itself uses. It is backed up first; comments and other remotes stay.';
  static override flags = {
    name: Flags.string({
      description: 'Name of the remote. Default: cloud-<tenant>.',
      helpValue: 'NAME',
    }),
    'with-keys': Flags.boolean({
      description: 'Write the access key into the file, in plain text.',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --name work --with-keys',
  ];

  override async run(): Promise<void> {
    const { openSession } = await import('../../session/open.ts');
    const { exportRemote } = await import('../../rclone/export.ts');
    const { presentExport } = await import('../../rclone/present-rclone.ts');
    const session = await openSession(this.host, this.flags, { signal: this.signal });
    const access = await session.bucketAccess();
    const result = await exportRemote(
      {
        name: this.flags.name ?? `cloud-${access.tenant.slug}`,
        location: access,
        keys: this.flags['with-keys'] ? access : undefined,
        confirm: (question) => this.confirm(question),
      },
      this.host,
    );
    this.out.result(result, presentExport);
  }
}

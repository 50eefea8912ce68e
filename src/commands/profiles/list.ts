import { BaseCommand } from '../../cli/base-command.ts';

export default class ProfilesList extends BaseCommand<typeof ProfilesList> {
  static override summary = 'List the profiles of mounts and of syncing.';
  static override description =
    'Those that come with the product, and those of your own under profiles.mount in the configuration.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { listProfiles, PROFILES } = await import('../../cli/profile-list.ts');
    this.out.list(await listProfiles(this.host), PROFILES);
  }
}

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
    const { listProfiles } = await import('../../cli/profile-list.ts');
    const profiles = await listProfiles(this.host);
    const rows = profiles.map(({ name, kind, default: isDefault, origin, summary }) => {
      return { kind, name, default: isDefault, origin, summary };
    });
    this.out.rows(
      this.out.json ? rows : rows.map((row) => ({ ...row, default: row.default ? 'yes' : '' })),
      [
        { key: 'kind', title: 'KIND' },
        { key: 'name', title: 'NAME' },
        { key: 'default', title: 'DEFAULT' },
        { key: 'summary', title: 'WHAT IT DOES' },
      ],
      '',
    );
  }
}

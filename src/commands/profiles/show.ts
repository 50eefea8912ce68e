import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../cli/base-command.ts';

export default class ProfilesShow extends BaseCommand<typeof ProfilesShow> {
  static override summary = 'Show what a profile does, in numbers.';
  static override description =
    'The limits and times that it stands for, of mounts and of syncing.';
  static override args = {
    name: Args.string({ required: true, description: 'Name of the profile.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> safe',
    '<%= config.bin %> <%= command.id %> fast --json',
  ];

  override async run(): Promise<void> {
    const { findProfiles, presentProfiles } = await import('../../cli/profile-list.ts');
    this.out.result(await findProfiles(this.host, this.args.name), presentProfiles);
  }
}

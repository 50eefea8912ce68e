import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { gitignoreFlag } from '../cli/folder-flags.ts';

export default class Bisync extends BaseCommand<typeof Bisync> {
  static override summary = 'Sync a folder with the bucket, in both directions.';
  static override description =
    'Nothing is overwritten or deleted unseen: what both sides changed is kept twice, what is replaced or deleted here goes to the trash, and a run that would delete much stops and asks.';
  static override flags = {
    path: Flags.string({
      description: 'Folder to sync, instead of the one from setup.',
      helpValue: 'DIR',
      env: 'CLOUD_PATH',
    }),
    profile: Flags.option({
      description:
        'safe decides no conflict and allows few deletes; fast allows many. Default: balanced.',
      options: ['safe', 'balanced', 'fast'] as const,
      env: 'CLOUD_PROFILE',
    })(),
    conflicts: Flags.option({
      description: 'Which version keeps the name when both sides changed; the other is kept too.',
      options: ['none', 'newer', 'larger', 'local', 'cloud'] as const,
      env: 'CLOUD_CONFLICTS',
    })(),
    ...gitignoreFlag,
    'dry-run': Flags.boolean({ description: 'Show what would be done, and store it as a plan.' }),
    approve: Flags.string({
      description: 'Do exactly what a stored plan says.',
      helpValue: 'PLAN',
      exclusive: ['dry-run', 'resync'],
    }),
    wait: Flags.integer({
      description: 'Wait so long for another run on this folder, instead of ending with 11.',
      helpValue: 'SECONDS',
      min: 0,
      default: 0,
      env: 'CLOUD_WAIT',
    }),
    resync: Flags.boolean({ description: 'Compare anew: unite both sides, delete nothing.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --profile safe --dry-run',
  ];

  override async run(): Promise<void> {
    const { syncContext } = await import('../bisync/sync-context.ts');
    const { presentBisync } = await import('../bisync/present-bisync.ts');
    const { showBisync } = await import('../bisync/show-bisync.ts');
    const { context, server, 'dry-run': dryRun, path, profile, conflicts, ...more } = this.flags;
    const { resync, approve, wait, gitignore } = more;
    const show = showBisync(this.out);
    const result = await syncContext(
      {
        ...{ session: { context, server }, path, profile, conflicts, gitignore },
        ...{ dryRun, resync, approve },
        waitMs: wait * 1000,
        signal: this.signal,
      },
      this.host,
      show.event,
    ).finally(show.end);
    this.out.final(result, presentBisync);
    process.exitCode = result.exitCode;
  }
}

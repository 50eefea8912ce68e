import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { durationFlag } from '../cli/duration-flag.ts';
import { gitignoreFlag } from '../cli/folder-flags.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

const DEFAULT_INTERVAL_MS = 60_000;

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
    wait: durationFlag({
      description: 'Wait so long for another run on this folder, instead of ending with 11.',
      default: 0,
      env: 'CLOUD_WAIT',
    }),
    watch: Flags.boolean({
      char: 'w',
      description: 'Go on until Ctrl-C: what is saved here or there is on the other side at once.',
      exclusive: ['dry-run', 'approve', 'resync', 'full', 'wait'],
    }),
    interval: durationFlag({
      description:
        'With --watch: compare both sides so often while the server tells of no changes. Default: 60 s.',
      leastMs: 1000,
      env: 'CLOUD_INTERVAL',
    }),
    resync: Flags.boolean({ description: 'Compare anew: unite both sides, delete nothing.' }),
    full: Flags.boolean({
      description: 'Read every file again, also those whose times say that nothing changed.',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --profile safe --dry-run',
    '<%= config.bin %> <%= command.id %> --watch',
  ];

  override async run(): Promise<void> {
    await (this.flags.watch ? this.#watch() : this.#sync());
  }

  async #watch(): Promise<void> {
    const { runWatch } = await import('../cli/run-watch.ts');
    const { context, server, path, profile, conflicts, gitignore, interval } = this.flags;
    await runWatch(
      {
        ...{ session: { context, server }, path, profile, conflicts, gitignore },
        ...{
          intervalMs: interval ?? DEFAULT_INTERVAL_MS,
          command: 'cloud bisync --watch',
          signal: this.signal,
        },
      },
      this.host,
      this.out,
    );
  }

  async #sync(): Promise<void> {
    // Not `dependsOn`: with it CLOUD_INTERVAL, which is meant for watchers, would end every other sync.
    if (this.argv.some((word) => /^--interval(=|$)/.test(word))) {
      throw new AbortError('usage', '--interval goes with --watch.', {
        exitCode: ExitCode.usage,
        suggestions: ['cloud bisync --watch --interval 5m'],
      });
    }
    const { syncContext } = await import('../bisync/sync-context.ts');
    const { presentBisync } = await import('../bisync/present-bisync.ts');
    const { showBisync } = await import('../bisync/show-bisync.ts');
    const { context, server, 'dry-run': dryRun, path, profile, conflicts, ...more } = this.flags;
    const { resync, approve, wait, gitignore, full } = more;
    const show = showBisync(this.out);
    const result = await syncContext(
      {
        ...{ session: { context, server }, path, profile, conflicts, gitignore },
        ...{ dryRun, resync, approve, full },
        waitMs: wait,
        signal: this.signal,
      },
      this.host,
      show.event,
    ).finally(show.end);
    this.out.final(result, presentBisync);
    process.exitCode = result.exitCode;
  }
}

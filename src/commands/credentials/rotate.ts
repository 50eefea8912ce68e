import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

export default class CredentialsRotate extends BaseCommand<typeof CredentialsRotate> {
  static override summary = "Replace this machine's key of the bucket, without a gap.";
  static override description =
    'The new key is tried on the bucket, stored, and taken over by running mounts and watchers; only then is the old one revoked. A mount in which something is open or not uploaded keeps the old key for that long, and so does a watcher that moves files; then this ends with 3, and goes on when it is run again.';
  static override flags = {
    all: Flags.boolean({
      description: 'In every context of this machine.',
      exclusive: ['context', 'server'],
    }),
    wait: Flags.integer({
      description: 'Seconds to wait for mounts and watchers.',
      helpValue: 'SECONDS',
      min: 0,
      default: 60,
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --all',
  ];

  override async run(): Promise<void> {
    const { rotateContexts } = await import('../../cli/rotate-credentials.ts');
    const { describeRotateStep, presentRotated } = await import('../../access/present-access.ts');
    const { ExitCode } = await import('../../output/exit-codes.ts');
    const rotated = await rotateContexts(this.flags, {
      host: this.host,
      signal: this.signal,
      report: (step) => this.out.detail(describeRotateStep(step)),
    });
    this.out.result(rotated, (all) => all.map(presentRotated).join('\n'));
    const open = rotated.some(({ still_in_use_by: users }) => users.length > 0);
    process.exitCode = open ? ExitCode.incomplete : ExitCode.ok;
  }
}

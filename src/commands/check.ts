import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { gitignoreFlag } from '../cli/folder-flags.ts';

export default class Check extends BaseCommand<typeof Check> {
  static override summary = 'Compare the synced folder with the bucket, by checksum.';
  static override description =
    'Changes nothing. Ends with 0 when both sides are equal and with 8 when they differ.';
  static override flags = {
    path: Flags.string({
      description: 'Folder to compare, instead of the one from setup.',
      helpValue: 'DIR',
      env: 'CLOUD_PATH',
    }),
    ...gitignoreFlag,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { checkContext } = await import('../bisync/sync-context.ts');
    const { presentCheck } = await import('../bisync/present-check.ts');
    const { context, server, path, gitignore } = this.flags;
    const result = await checkContext(
      { session: { context, server }, path, gitignore, signal: this.signal },
      this.host,
    );
    this.out.result(result, presentCheck);
    process.exitCode = result.exitCode;
  }
}

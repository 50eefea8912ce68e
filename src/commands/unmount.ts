import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import { durationFlag } from '../cli/duration-flag.ts';

export default class Unmount extends BaseCommand<typeof Unmount> {
  static override summary = 'Upload what waits, then unmount.';
  static override description =
    'Returns when everything that was saved is in the bucket. With --force it does not wait: what is not uploaded stays on this disk, and the next `cloud mount` uploads it; the exit code is 3 then.';
  static override args = {
    path: Args.string({ description: 'The mounted folder, where there are several.' }),
  };
  static override flags = {
    force: Flags.boolean({ description: 'Do not wait for uploads or for programs that use it.' }),
    timeout: durationFlag({
      description: 'Give up, still mounted, after this time.',
      leastMs: 1,
      env: 'CLOUD_TIMEOUT',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> ~/CloudMount/acme --timeout 1m',
  ];

  override async run(): Promise<void> {
    const { unmount } = await import('../mount/unmount.ts');
    const { exitCodeOf, presentUnmounted } = await import('../mount/present-mount.ts');
    const { drainReporter } = await import('../mount/present-watch.ts');
    const { reportOf } = await import('../cli/report.ts');
    const { takeOverMount } = await import('../cli/mount-request.ts');
    const { force, timeout } = this.flags;
    const shown = drainReporter(this.out);
    const result = await unmount(
      this.host,
      { path: this.args.path, force, timeoutMs: timeout },
      {
        ...{ reportOf, signal: this.signal, onProgress: shown.progress },
        takeOver: (record) => takeOverMount(this.host, record, this.signal),
      },
    ).finally(shown.end);
    this.out.final(result, presentUnmounted);
    process.exitCode = exitCodeOf(result);
  }
}

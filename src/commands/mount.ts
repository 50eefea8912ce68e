import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class Mount extends BaseCommand<typeof Mount> {
  static override summary = 'Mount the bucket as a folder.';
  static override description =
    'Returns when the folder can be used; a process in the background serves it until `cloud unmount`. Profiles: fast shows changes made elsewhere within 5 s and uploads a saved file after 1 s; balanced within 10 s and after 5 s; safe within 15 s and after 2 s, and it keeps a copy of what is overwritten or deleted for 30 days. Where the server tells of changes, all of them show changes at once.';
  static override flags = {
    profile: Flags.string({
      description: 'fast, balanced, safe, or one of your own: `cloud profiles list`.',
      helpValue: 'NAME',
      env: 'CLOUD_PROFILE',
    }),
    path: Flags.string({
      description: 'Folder to mount at; by default ~/CloudMount/TENANT.',
      helpValue: 'DIR',
      env: 'CLOUD_MOUNT_PATH',
    }),
    'read-only': Flags.boolean({ description: 'Let nothing be written.' }),
    foreground: Flags.boolean({ description: 'Serve the folder in this process until Ctrl-C.' }),
    rclone: Flags.string({
      description: 'The rclone to use.',
      helpValue: 'FILE',
      env: 'CLOUD_RCLONE',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --profile fast',
    '<%= config.bin %> <%= command.id %> --path ~/bucket --read-only',
  ];

  override async run(): Promise<void> {
    const { mountContext } = await import('../cli/mount-request.ts');
    const { describeStep, exitCodeOf, mountedResult, presentMounted, presentUnmounted } =
      await import('../mount/present-mount.ts');
    const record = await mountContext(this.flags, {
      host: this.host,
      signal: this.signal,
      log: this.journal,
      onStep: (step) => this.out.detail(describeStep(step)),
      onMounted: (mounted) => this.out.note(presentMounted(mounted)),
      onUnmounted: (ended) => {
        this.out.final(ended, presentUnmounted);
        process.exitCode = exitCodeOf(ended);
      },
    });
    if (record.adapter !== null) this.out.detail(`Mounted by ${record.adapter.reason}.`);
    if (this.flags.foreground) return;
    this.out.result(record, presentMounted, mountedResult);
  }
}

import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';

export default class Doctor extends BaseCommand<typeof Doctor> {
  static override usesSettings = false;
  static override summary = 'Look at what everything stands on; say what is wrong and its cure.';
  static override description =
    'Works offline, before set-up, and when mounts hang. The exit code is that of the first failure, which is the one to cure first: 10 nothing set up, 5 network, 4 sign-in or key, 12 rclone, 13 mount, 78 a person is needed, 1 anything else; with warnings only it is 0. With --fix the cures that can destroy nothing are applied, and the report shows the state after them.';
  static override flags = {
    fix: Flags.boolean({ description: 'Apply the safe cures and say what was done.' }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --fix',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { examine } = await import('../doctor/examine.ts');
    const { describeEvent, showDoctor } = await import('../doctor/present-doctor.ts');
    const { leaveHanging } = await import('../doctor/leave-hanging.ts');
    const { doctorServices } = await import('../cli/doctor-services.ts');
    const { reportOf } = await import('../cli/report.ts');
    const { context, server, fix } = this.flags;
    const result = await examine(
      { flags: { context, server }, fix, signal: this.signal },
      this.host,
      { reportOf, ...doctorServices(this.host, this.config.version) },
      (event) => this.out.detail(describeEvent(event)),
    );
    showDoctor(result, this.out);
    process.exitCode = result.exitCode;
    if (result.abandoned) leaveHanging(result.exitCode);
  }
}

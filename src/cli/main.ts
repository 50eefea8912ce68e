import { run } from '@oclif/core/run';
import { openLog } from '../output/log.ts';
import { join } from 'node:path';
import { resolvePlaces } from '../platform/places.ts';
import { outputFromArgv, printError } from './base-command.ts';
import { reportOf } from './report.ts';

/**
 * Runs the command line `argv` of the package at `root` and sets the exit code. Commands report
 * their own errors; what arrives here happened before one was found.
 */
export async function main(argv: string[], root: string): Promise<void> {
  quietOnClosedPipe();
  try {
    await run(argv, root);
  } catch (error) {
    const log = openLog(join(resolvePlaces().state, 'logs', 'cloud.log'));
    const { knownCommands } = await import('./known-commands.ts');
    const report = reportOf(error, log.path, { commands: await knownCommands(root) });
    if (report.exitCode === 0) return;
    if (report.code === 'unexpected') {
      log.write('error', report.message, error instanceof Error ? { stack: error.stack } : {});
    }
    printError(report, outputFromArgv(argv));
    process.exitCode = report.exitCode;
  }
}

/** `cloud … | head` is no error. */
function quietOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

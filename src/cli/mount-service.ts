import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { openLog } from '../output/log.ts';
import type { Host } from '../platform/host.ts';
import { mountFolders } from '../mount/identity.ts';
import type { SupervisorMessage } from '../mount/launch.ts';
import { readRecord } from '../mount/record.ts';
import { superviseMount } from '../mount/supervisor.ts';
import { mountSession } from './mount-keys.ts';
import { reportOf } from './report.ts';

/**
 * The process behind `cloud mount`: opens the session on its own, so that no key passes through an
 * argument, the environment or a file, and tells its parent how it goes while that one listens.
 */
export async function serveRecordedMount(
  host: Host,
  id: string,
  options: { rclonePath: string | undefined; signal: AbortSignal },
): Promise<void> {
  const log = openLog(mountFolders(host.places, id).log);
  try {
    const record = readRecord(host.places, id);
    if (record === undefined) {
      throw new AbortError('not-mounted', `There is no mount ${id}.`, { exitCode: ExitCode.mount });
    }
    await superviseMount(host, id, {
      ...options,
      ...{ log, reportOf, report: tellParent },
      ...mountSession(host, { context: record.context }),
    });
  } catch (error) {
    tellParent({ type: 'failed', error: reportOf(error, log.path) });
    throw error;
  } finally {
    if (process.connected) process.disconnect();
  }
}

/** The parent stops listening once the mount stands; that is no reason to end. */
function tellParent(message: SupervisorMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

import { join } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { openLog } from '../output/log.ts';
import type { Host } from '../platform/host.ts';
import { keepRunning } from '../service/keep.ts';
import { serviceFiles } from '../service/kinds.ts';
import { readRecordIn } from '../service/record.ts';
import { serveService, type ServeDeps } from '../service/serve-service.ts';
import { reportOf } from './report.ts';
import { serviceJob } from './service-job.ts';

interface ServiceProcess {
  id: string;
  host: Host;
  signal: AbortSignal;
}

/** The process that does the work of a service. @returns its exit code */
export function runService(
  { id, host, signal }: ServiceProcess,
  manager: ServeDeps['manager'],
): Promise<number> {
  const log = openLog(serviceFiles(host.places, id).log);
  const until = manager === 'keeper' ? AbortSignal.any([signal, askedToEnd()]) : signal;
  return serveService(id, host, {
    ...{ manager, log, signal: until },
    reportOf: (error) => reportOf(error, log.path),
    job: (record) => serviceJob(record, log, host, until),
  });
}

/** Over the channel of the process that started us, which hears it from a file. */
function askedToEnd(): AbortSignal {
  const asked = new AbortController();
  process.once('message', () => asked.abort(new Error('asked to end')));
  // Nobody would hear of us any more.
  process.once('disconnect', () => asked.abort(new Error('left alone')));
  process.channel?.unref();
  return asked.signal;
}

/**
 * Keeps the process of a service running (Windows). The environment comes from the record in `folder`:
 * where our files lie otherwise may be said in it.
 *
 * @throws AbortError `service-not-installed` (10)
 */
export async function keepService(
  { id, host, signal }: ServiceProcess,
  folder: string,
): Promise<number> {
  const record = await readRecordIn(folder);
  if (record === undefined) {
    throw new AbortError('service-not-installed', `There is no service ${id} in ${folder}.`, {
      exitCode: ExitCode.notSetUp,
    });
  }
  const [node = '', script = ''] = record.command;
  return keepRunning({
    command: [node, script, 'service-run', id, '--manager', 'keeper'],
    environment: { ...host.env, ...record.environment },
    stop: join(folder, 'stop'),
    log: openLog(join(folder, 'service.log')),
    ...{ clock: host.clock, signal },
  });
}

import { resolve } from 'node:path';
import type { Host } from '../platform/host.ts';
import type { Output } from '../output/output.ts';
import { inHome } from '../platform/places.ts';
import {
  notInstalled,
  restartService,
  startService,
  stopService,
  uninstallService,
  type Changed,
  type ServiceName,
} from '../service/change-service.ts';
import { installService, type Installed } from '../service/install.ts';
import { serviceFiles, serviceId, type ServiceKind } from '../service/kinds.ts';
import type { ServiceManager } from '../service/manager.ts';
import { presentChanged, presentLogLine } from '../service/present-service.ts';
import { followLines, lastLines } from '../service/read-logs.ts';
import { listServiceRecords, readServiceRecord } from '../service/record.ts';
import { serviceDeps } from '../service/service-context.ts';
import { serviceStatus, type ServiceStatus } from '../service/service-status.ts';
import { readConfiguration } from '../session/configuration.ts';
import { notSetUp } from '../session/open.ts';
import { contextFor, type SessionFlags } from '../session/settings.ts';
import { thisProgram } from './mount-supervisor.ts';

/** What a command about a service hands on. */
export interface ServiceRun {
  kind: ServiceKind;
  flags: SessionFlags;
  host: Host;
  cliVersion: string;
}

/** @throws AbortError `not-set-up` (10), and those of `installService` */
export async function requestInstall(
  { kind, flags, host, cliVersion }: ServiceRun,
  wanted: { path?: string | undefined; profile?: string | undefined; start: boolean },
  agree: (question: string) => Promise<void>,
): Promise<Installed> {
  const context = contextFor(await readConfiguration(host), flags);
  if (context === undefined) throw notSetUp();
  const { path, profile, start } = wanted;
  if (kind === 'mount') {
    // Said now: a service would wait with it.
    const { chosenProfile } = await import('../mount/admit.ts');
    await chosenProfile(host, profile);
  }
  return installService(
    {
      ...{ kind, context: context.name, profile, start, agree },
      path: path === undefined ? undefined : resolve(inHome(path, host.places)),
    },
    host,
    serviceDeps(host, thisProgram(), cliVersion),
  );
}

const CHANGES = {
  started: startService,
  stopped: stopService,
  restarted: restartService,
  uninstalled: uninstallService,
} as const;

/** Does one of the changes that need nothing but the name, and says so. */
export async function requestChange(
  verb: keyof typeof CHANGES,
  run: ServiceRun,
  out: Output,
): Promise<void> {
  const changed: Changed = await CHANGES[verb](await nameOf(run), run.host, managerOf(run));
  out.result(changed, presentChanged(verb));
}

export async function requestStatus(run: ServiceRun): Promise<ServiceStatus> {
  const options = { cliVersion: run.cliVersion, askManager: true };
  return serviceStatus(await nameOf(run), run.host, managerOf(run), options);
}

/** @throws AbortError `service-not-installed` (10) */
export async function requestLogs(
  run: ServiceRun,
  { limit, follow, signal }: { limit: number; follow: boolean; signal: AbortSignal },
  out: Output,
): Promise<void> {
  const name = await nameOf(run);
  const id = serviceId(name.kind, name.context);
  if ((await readServiceRecord(run.host, id)) === undefined) throw notInstalled(name);
  const { log } = serviceFiles(run.host.places, id);
  if (!follow) {
    out.result(await lastLines(log, limit), (lines) =>
      lines.map((line) => presentLogLine(line, out)).join('\n'),
    );
    return;
  }
  for await (const line of followLines(log, limit, run.host.clock, signal)) {
    out.event({ type: 'log', ...line });
    out.line(presentLogLine(line, out));
  }
}

/** The context in use, else the only one that a service was installed for. */
async function nameOf({ kind, flags, host }: ServiceRun): Promise<ServiceName> {
  const context = contextFor(await readConfiguration(host), flags);
  if (context !== undefined) return { kind, context: context.name };
  const [only, more] = (await listServiceRecords(host)).filter((record) => record.kind === kind);
  if (only === undefined || more !== undefined) throw notSetUp();
  return { kind, context: only.context };
}

function managerOf({ host, cliVersion }: ServiceRun): ServiceManager {
  return serviceDeps(host, thisProgram(), cliVersion).manager;
}

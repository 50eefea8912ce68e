import { rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { isRunning, signalProcess } from '../platform/processes.ts';
import { commandOf, serviceFiles, serviceId, type ServiceKind } from './kinds.ts';
import type { ServiceManager } from './manager.ts';
import { readServiceRecord } from './record.ts';
import { readRun } from './run-record.ts';

export interface ServiceName {
  kind: ServiceKind;
  context: string;
}

export interface Changed extends ServiceName {
  id: string;
  /** False when nothing had to be done. */
  changed: boolean;
}

/** How long one may take to end in order, in milliseconds: a mount uploads for up to 60 s. */
const END_WITHIN_MS = 90_000;

/** @throws AbortError `service-not-installed` (10) */
export async function startService(
  name: ServiceName,
  host: Host,
  manager: ServiceManager,
): Promise<Changed> {
  const id = await installedId(name, host, manager);
  // A person asks for it: what it waited for is done.
  const run = await readRun(host, id);
  const runs = run !== undefined && run.state !== 'ended' && isRunning(run.process);
  if (run?.state === 'resting' && runs) await endProcess(id, host, manager);
  else if (runs) return { ...name, id, changed: false };
  await forgetRun(id, host);
  await manager.start(id);
  return { ...name, id, changed: true };
}

/** @throws AbortError `service-not-installed` (10) */
export async function stopService(
  name: ServiceName,
  host: Host,
  manager: ServiceManager,
): Promise<Changed> {
  const id = await installedId(name, host, manager);
  return { ...name, id, changed: await endProcess(id, host, manager) };
}

/** @throws AbortError `service-not-installed` (10) */
export async function restartService(
  name: ServiceName,
  host: Host,
  manager: ServiceManager,
): Promise<Changed> {
  const id = await installedId(name, host, manager);
  await endProcess(id, host, manager);
  await forgetRun(id, host);
  await manager.start(id);
  return { ...name, id, changed: true };
}

/**
 * Ends the service and takes away its definition, record and log.
 *
 * @throws AbortError `no-service-manager` (78) when there is something to take away
 */
export async function uninstallService(
  name: ServiceName,
  host: Host,
  manager: ServiceManager,
): Promise<Changed> {
  const id = serviceId(name.kind, name.context);
  const definition = manager.definitionPath(id);
  const { folder } = serviceFiles(host.places, id);
  const was = existsSync(definition) || existsSync(folder);
  try {
    await manager.check();
  } catch (error) {
    // Where nothing is installed nothing has to be asked of it.
    if (was) throw error;
    return { ...name, id, changed: false };
  }
  await endProcess(id, host, manager);
  await manager.unregister(id);
  await rm(definition, { force: true });
  await rm(folder, { recursive: true, force: true });
  return { ...name, id, changed: was };
}

async function installedId(
  { kind, context }: ServiceName,
  host: Host,
  manager: ServiceManager,
): Promise<string> {
  const id = serviceId(kind, context);
  if ((await readServiceRecord(host, id)) === undefined) throw notInstalled({ kind, context });
  if (!existsSync(manager.definitionPath(id))) {
    throw new AbortError(
      'service-definition-missing',
      `${manager.definitionPath(id)} is gone, so ${manager.name} has nothing to start.`,
      { exitCode: ExitCode.notSetUp, suggestions: [`${commandOf(kind)} install`] },
    );
  }
  await manager.check();
  return id;
}

export function notInstalled({ kind, context }: ServiceName): AbortError {
  return new AbortError('service-not-installed', `There is no ${kind} service for ${context}.`, {
    exitCode: ExitCode.notSetUp,
    suggestions: [`${commandOf(kind)} install`],
  });
}

/** Neither the rest between tries nor what a person was needed for counts any more. */
async function forgetRun(id: string, host: Host): Promise<void> {
  await rm(serviceFiles(host.places, id).run, { force: true });
}

/** @returns whether there was a process to end */
async function endProcess(id: string, host: Host, manager: ServiceManager): Promise<boolean> {
  const run = await readRun(host, id);
  const runs = run !== undefined && run.state !== 'ended' && isRunning(run.process);
  const active = runs || (await manager.look(id)).active;
  if (!active) return false;
  if (manager.name === 'task-scheduler') await writeFile(serviceFiles(host.places, id).stop, '');
  else await manager.stop(id);
  const deadline = host.clock.now() + END_WITHIN_MS;
  while (runs && isRunning(run.process)) {
    // State survives it, and what was not uploaded is kept for the next start.
    if (host.clock.now() > deadline && signalProcess(run.process, 'SIGKILL')) break;
    await host.clock.sleep(100);
  }
  if (manager.name === 'task-scheduler') await manager.stop(id);
  return true;
}

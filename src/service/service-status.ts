import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ExitCode, WAITS_FOR_PERSON } from '../output/exit-codes.ts';
import { isErrno } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { isRunning } from '../platform/processes.ts';
import { sameDefinition } from './install.ts';
import { commandOf, serviceId, type ServiceKind } from './kinds.ts';
import type { Look, ServiceManager } from './manager.ts';
import { openManager } from './open-manager.ts';
import { listServiceRecords, readServiceRecord, type ServiceRecord } from './record.ts';
import type { RunProgram } from './run-program.ts';
import { readRun, type RunRecord } from './run-record.ts';

/**
 * `resting`: it failed and is tried again. `waiting`: a person has to do something first. `dead`: it
 * should run and does not. `stopped`: it was ended, until the next login.
 */
export type ServiceState = 'not-installed' | 'running' | 'resting' | 'waiting' | 'stopped' | 'dead';

/** What is wrong with how a service is set up. */
export interface ServiceFault {
  code:
    | 'definition-missing'
    | 'definition-edited'
    | 'not-taken-in'
    | 'not-at-login'
    | 'program-missing'
    | 'older-version'
    | 'no-service-manager';
  message: string;
}

export interface ServiceStatus {
  id: string;
  kind: ServiceKind;
  context: string;
  state: ServiceState;
  /** The state in a sentence for people. */
  message: string;
  /** 0 when it runs or was stopped, else why not. */
  exitCode: number;
  /** Folder to sync or mount at; null: the one that setup arranged. */
  path: string | null;
  profile: string | null;
  pid: number | null;
  /** Since when its process runs, RFC 3339. */
  since: string | null;
  manager: ServiceManager['name'] | null;
  definition: string | null;
  faults: ServiceFault[];
  notes: string[];
  nextSteps: string[];
}

export interface StatusOptions {
  /** Of this CLI; undefined: not compared. */
  cliVersion: string | undefined;
  /** False: only by our own files and processes, which takes no time and cannot hang. */
  askManager: boolean;
}

/** How all installed services stand. */
export async function serviceStatuses(
  host: Host,
  options: StatusOptions,
  run?: RunProgram,
): Promise<ServiceStatus[]> {
  const records = await listServiceRecords(host);
  if (records.length === 0) return [];
  const manager = openManager(host, run);
  return Promise.all(
    records.map(({ kind, context }) => serviceStatus({ kind, context }, host, manager, options)),
  );
}

/** How one stands, by our record, the file that lies there, the manager and the process itself. */
export async function serviceStatus(
  { kind, context }: { kind: ServiceKind; context: string },
  host: Host,
  manager: ServiceManager,
  { cliVersion, askManager }: StatusOptions,
): Promise<ServiceStatus> {
  const id = serviceId(kind, context);
  const definition = manager.definitionPath(id);
  const [record, run, found] = await Promise.all([
    readServiceRecord(host, id),
    readRun(host, id),
    bytesOf(definition),
  ]);
  const base = { id, kind, context, manager: manager.name, definition };
  if (record === undefined && found === undefined) return notThere(base);
  const look = askManager ? await lookAt(id, manager) : undefined;
  const faults = faultsOf({ record, found, look, definition, cliVersion });
  if (askManager && look === undefined) {
    faults.push({
      code: 'no-service-manager',
      message: 'The manager of the system cannot be reached, so what it knows is not known.',
    });
  }
  const state = stateOf(run, look, host.clock.now());
  const runs = state === 'running' || state === 'resting';
  return {
    ...base,
    ...describe(state, run, kind),
    ...{
      state,
      path: record?.path ?? null,
      profile: record?.profile ?? null,
      faults,
      notes: look?.notes ?? [],
    },
    pid: runs ? (run?.process.pid ?? null) : null,
    since: runs ? (run?.startedAt ?? null) : null,
    nextSteps: nextSteps(state, run, faults, kind),
  };
}

function notThere(
  base: Pick<ServiceStatus, 'id' | 'kind' | 'context' | 'manager' | 'definition'>,
): ServiceStatus {
  return {
    ...base,
    ...{ state: 'not-installed', ...describe('not-installed', undefined, base.kind) },
    ...{ path: null, profile: null, pid: null, since: null, faults: [], notes: [] },
    nextSteps: [`${commandOf(base.kind)} install`],
  };
}

async function bytesOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/** Undefined when the manager cannot be spoken to. */
async function lookAt(id: string, manager: ServiceManager): Promise<Look | undefined> {
  try {
    await manager.check();
    return await manager.look(id);
  } catch {
    return undefined;
  }
}

interface Seen {
  record: ServiceRecord | undefined;
  found: Buffer | undefined;
  look: Look | undefined;
  definition: string;
  cliVersion: string | undefined;
}

function faultsOf({ record, found, look, definition, cliVersion }: Seen): ServiceFault[] {
  const faults: ServiceFault[] = [];
  const add = (code: ServiceFault['code'], message: string): void =>
    void faults.push({ code, message });
  if (found === undefined) add('definition-missing', `${definition} is gone.`);
  else if (!sameDefinition(found, record)) {
    add('definition-edited', `${definition} is not as it was written.`);
  }
  if (look !== undefined && found !== undefined) {
    if (!look.known || look.differs) {
      add('not-taken-in', 'The manager has not taken in the definition as it lies there.');
    } else if (!look.atLogin) add('not-at-login', 'It would not start at the next login.');
  }
  if (record === undefined) return faults;
  const [node = '', script = ''] = record.command;
  for (const path of [node, script]) {
    if (!existsSync(path)) add('program-missing', `${path}, which it runs, is gone.`);
  }
  if (cliVersion !== undefined && record.cliVersion !== cliVersion) {
    add(
      'older-version',
      `It was installed by version ${record.cliVersion}; this is ${cliVersion}.`,
    );
  }
  return faults;
}

/** A manager starts what has failed again within so long, in milliseconds. */
const AGAIN_WITHIN_MS = 60_000;

function stateOf(run: RunRecord | undefined, look: Look | undefined, now: number): ServiceState {
  // Installed or started, and its process has not yet come to note it; or not started since.
  if (run === undefined) return look?.active === true ? 'resting' : 'stopped';
  if (run.state !== 'ended' && isRunning(run.process)) {
    return run.state === 'resting' ? 'resting' : 'running';
  }
  if (run.exitCode === ExitCode.ok) return 'stopped';
  if (WAITS_FOR_PERSON.some((code) => code === run.exitCode)) return 'waiting';
  const soon = now - Date.parse(run.endedAt ?? run.startedAt) < AGAIN_WITHIN_MS;
  return (look?.active ?? soon) ? 'resting' : 'dead';
}

function describe(
  state: ServiceState,
  run: RunRecord | undefined,
  kind: ServiceKind,
): Pick<ServiceStatus, 'message' | 'exitCode'> {
  const why = run?.problem?.message ?? '';
  switch (state) {
    case 'running':
      return {
        message: kind === 'bisync' ? 'It keeps the folder in sync.' : 'It serves the mount.',
        exitCode: ExitCode.ok,
      };
    case 'resting':
      return { message: `It is about to start again. ${why}`.trim(), exitCode: ExitCode.failed };
    case 'waiting':
      return {
        message: `It waits for you: ${why}`,
        exitCode: run?.exitCode ?? ExitCode.needsPerson,
      };
    case 'stopped':
      return { message: 'It was stopped; it starts at the next login.', exitCode: ExitCode.ok };
    case 'dead':
      return {
        message: why === '' ? 'Its process is gone.' : `It ended: ${why}`,
        exitCode: ExitCode.failed,
      };
    case 'not-installed':
      return { message: 'It is not installed.', exitCode: ExitCode.notSetUp };
  }
}

function nextSteps(
  state: ServiceState,
  run: RunRecord | undefined,
  faults: readonly ServiceFault[],
  kind: ServiceKind,
): string[] {
  const command = commandOf(kind);
  const mended = faults.filter(({ code }) => code !== 'no-service-manager');
  return [
    ...(state === 'waiting' ? (run?.problem?.suggestions ?? []) : []),
    ...(mended.length > 0 ? [`${command} install`] : []),
    ...(state === 'waiting' || state === 'dead' ? [`${command} start`] : []),
    ...(state === 'dead' || state === 'resting' ? [`${command} logs`] : []),
  ];
}

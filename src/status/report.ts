import { neverSynced, pairReports, type PairReport } from '../bisync/pair-report.ts';
import { pairFolder } from '../bisync/pair.ts';
import { STATE_MEANINGS } from '../bisync/states.ts';
import { watcherReport, type WatcherReport } from '../bisync/watch/ask-watcher.ts';
import { readPause } from '../bisync/watch/pause-file.ts';
import { mountStatus, type MountStatus } from '../mount/status.ts';
import { ExitCode } from '../output/exit-codes.ts';
import type { Host } from '../platform/host.ts';
import { readConfiguration, type Configuration } from '../session/configuration.ts';
import { serviceStatuses, type ServiceStatus } from '../service/service-status.ts';
import { contextFor, type NamedContext, type SessionFlags } from '../session/settings.ts';

/** Everything on one screen. The shape is a promise to scripts. */
export interface StatusReport {
  exitCode: ExitCode;
  /** Null before `cloud setup` or `cloud login`. */
  account: { context: string; server: string; name: string; tenant: NamedContext['tenant'] } | null;
  folders: FolderReport[];
  mounts: MountStatus[];
  /** What runs in the background; empty when none was installed. */
  services: ServiceStatus[];
  /** What to do, the most urgent first; empty when nothing is. */
  nextSteps: string[];
}

export interface FolderReport extends PairReport {
  /** The process that keeps it in sync, and what it says; null when none does. */
  watcher: WatcherReport | null;
  /** A pause that somebody asked for; `until` RFC 3339, null until `cloud resume`. */
  paused: { until: string | null } | null;
}

/**
 * How the account, the synced folders and the mounts of this machine stand. Offline: reads our own
 * files and asks our own mount processes, within a second, and never looks into a synced or mounted
 * folder.
 *
 * @throws AbortError `unknown-context` (2), `configuration-damaged` (78)
 */
export async function statusReport(
  flags: SessionFlags,
  host: Host,
  cliVersion?: string,
): Promise<StatusReport> {
  const configuration = await readConfiguration(host);
  const [known, mounts, services] = await Promise.all([
    pairReports(host),
    mountStatus(host),
    serviceStatuses(host, { cliVersion, askManager: false }),
  ]);
  const context = contextFor(configuration, flags);
  const folders = await Promise.all(
    [...known, ...arrangedOnly(configuration, known)].map((folder) => withWatcher(folder, host)),
  );
  const findings = [
    ...(context === undefined ? [{ exitCode: ExitCode.notSetUp, nextStep: 'cloud setup' }] : []),
    ...folders.map(ofFolder),
    ...mounts.map(ofMount),
    ...services.map(ofService),
  ].sort((a, b) => urgency(a.exitCode) - urgency(b.exitCode));
  const steps = findings.flatMap(({ nextStep }) => (nextStep === null ? [] : [nextStep]));
  return {
    exitCode: findings[0]?.exitCode ?? ExitCode.ok,
    account: context === undefined ? null : accountOf(context),
    ...{ folders, mounts, services, nextSteps: [...new Set(steps)] },
  };
}

function accountOf({ name, server, account, tenant }: NamedContext): StatusReport['account'] {
  return { context: name, server, name: account, tenant };
}

/** Folders that setup arranged to sync and that nothing has synced yet. */
function arrangedOnly({ folders }: Configuration, known: readonly PairReport[]): PairReport[] {
  return Object.values(folders).flatMap(({ sync, mode }) => {
    const wanted = sync !== undefined && mode !== undefined && mode !== 'mount';
    return wanted && !known.some(({ root }) => root === sync) ? [neverSynced(sync)] : [];
  });
}

/** What a running watcher says goes before what its last run left on the disk. */
async function withWatcher(folder: PairReport, host: Host): Promise<FolderReport> {
  if (folder.id === null) return { ...folder, watcher: null, paused: null };
  const state = pairFolder(host, folder.id);
  const [watcher, pause] = await Promise.all([
    watcherReport(state),
    readPause(state, host.clock.now()),
  ]);
  const until = pause?.until ?? null;
  const paused =
    pause === undefined ? null : { until: until === null ? null : new Date(until).toISOString() };
  const view = watcher?.view ?? null;
  if (view === null) return { ...folder, watcher: watcher ?? null, paused };
  const { message, openConflicts, since } = view;
  return {
    ...{
      ...folder,
      state: view.state,
      message,
      openConflicts,
      since: new Date(since).toISOString(),
    },
    nextStep: STATE_MEANINGS[view.state].nextStep ?? null,
    ...{ watcher: watcher ?? null, paused },
  };
}

interface Finding {
  exitCode: ExitCode;
  nextStep: string | null;
}

function ofFolder({ state, nextStep, openConflicts }: FolderReport): Finding {
  const { exitCode } = STATE_MEANINGS[state];
  if (exitCode === ExitCode.ok && openConflicts > 0) {
    return { exitCode: ExitCode.incomplete, nextStep: 'cloud conflicts list' };
  }
  return { exitCode, nextStep };
}

function ofMount({ state, problem }: MountStatus): Finding {
  const broken = state === 'dead' || state === 'degraded';
  const nextStep = problem?.suggestions[0] ?? null;
  return broken
    ? { exitCode: ExitCode.mount, nextStep }
    : { exitCode: ExitCode.ok, nextStep: null };
}

/** One that is tried again mends itself. */
function ofService({ state, exitCode, nextSteps }: ServiceStatus): Finding {
  const bad = state === 'waiting' || state === 'dead';
  return {
    exitCode: bad ? (ORDER.find((code) => code === exitCode) ?? ExitCode.needsPerson) : ExitCode.ok,
    nextStep: bad ? (nextSteps[0] ?? null) : null,
  };
}

/** The worst first: what a person must do, then what is broken, then what mends itself. */
const ORDER: readonly ExitCode[] = [
  ExitCode.needsPerson,
  ExitCode.auth,
  ExitCode.mount,
  ExitCode.failed,
  ExitCode.notSetUp,
  ExitCode.unreachable,
  ExitCode.incomplete,
  ExitCode.ok,
];

function urgency(code: ExitCode): number {
  const index = ORDER.indexOf(code);
  return index === -1 ? 0 : index;
}

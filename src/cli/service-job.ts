import { AbortError } from '../output/errors.ts';
import type { Log } from '../output/log.ts';
import type { Host } from '../platform/host.ts';
import type { ServiceRecord } from '../service/record.ts';
import { reportOf } from './report.ts';

const COMPARE_EVERY_MS = 60_000;
/** How often a service looks whether somebody else's mount still stands, in milliseconds. */
const LOOK_EVERY_MS = 10_000;

/** The work of a service; resolves when it was asked to end, or a person ended what it served. */
export async function serviceJob(
  record: ServiceRecord,
  log: Log,
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  await (record.kind === 'bisync'
    ? keepInSync(record, log, host, signal)
    : keepMounted(record, log, host, signal));
}

async function keepInSync(
  { context, path, profile }: ServiceRecord,
  log: Log,
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const { presentEnd, tellWatch } = await import('../bisync/watch/show-watch.ts');
  const { watchContext } = await import('../bisync/watch/watch-context.ts');
  const { PROFILE_NAMES } = await import('../bisync/profiles.ts');
  const end = await watchContext(
    {
      session: { context, server: undefined },
      path: path ?? undefined,
      profile: PROFILE_NAMES.find((name) => name === profile),
      ...{ conflicts: undefined, gitignore: undefined, intervalMs: COMPARE_EVERY_MS },
      ...{ command: 'cloud bisync-service', signal },
    },
    host,
    {
      reportOf,
      show: (watcher) => tellWatch(watcher, { say: (text, level) => log.write(level, text) }),
    },
  );
  log.write('info', presentEnd(end));
}

async function keepMounted(
  record: ServiceRecord,
  log: Log,
  host: Host,
  signal: AbortSignal,
): Promise<void> {
  const { mountContext } = await import('./mount-request.ts');
  const { describeStep, presentMounted } = await import('../mount/present-mount.ts');
  const { context, path, profile } = record;
  const flags = { context, path: path ?? undefined, profile: profile ?? undefined };
  for (;;) {
    try {
      await mountContext(
        { ...flags, 'read-only': false, foreground: true, rclone: undefined, server: undefined },
        {
          ...{ host, signal, log },
          onStep: (step) => log.write('info', describeStep(step)),
          onMounted: (mounted) => log.write('info', presentMounted(mounted)),
          onUnmounted: ({ path: folder, kept }) => {
            log.write('info', `${folder} is unmounted`, { notUploaded: kept.files.length });
          },
        },
      );
      return;
    } catch (error) {
      const { id } = alreadyMounted(error) ?? {};
      if (id === undefined) throw error;
      log.write(
        'info',
        'It is mounted by `cloud mount` already; this service follows should that die.',
      );
      if ((await endOf(id, host, signal)) !== 'dead') return;
    }
  }
}

function alreadyMounted(error: unknown): { id: string } | undefined {
  if (!(error instanceof AbortError) || error.code !== 'already-mounted') return undefined;
  const { id } = error.details;
  return typeof id === 'string' ? { id } : undefined;
}

/** Waits until somebody else's mount is no more: `dead`, or ended by a person. */
async function endOf(id: string, host: Host, signal: AbortSignal): Promise<'dead' | 'unmounted'> {
  const { mountStatus } = await import('../mount/status.ts');
  for (;;) {
    if (signal.aborted) return 'unmounted';
    const found = (await mountStatus(host)).find((mount) => mount.id === id);
    if (found === undefined || found.state === 'unmounted') return 'unmounted';
    if (found.state === 'dead') return 'dead';
    await host.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
}

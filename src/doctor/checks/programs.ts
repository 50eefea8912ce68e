import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { chooseAdapter } from '../../mount/adapters.ts';
import { probeMachine } from '../../mount/machine.ts';
import { readPrivateCopy } from '../../rclone/private-copy.ts';
import { probeRclone } from '../../rclone/probe.ts';
import { versionWarning, type Rclone } from '../../rclone/rclone.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { failureOf, ok, skipped, warning, withoutStop, type Observation } from '../finding.ts';

export const programChecks: readonly Check[] = [
  {
    id: 'rclone',
    group: 'Programs',
    title: 'rclone',
    // Several programs on PATH, each of which may hang for as long as a probe waits.
    withinMs: 40_000,
    exitCode: ExitCode.rclone,
    run: rclone,
  },
  {
    id: 'mounting',
    group: 'Programs',
    title: 'Mounting',
    needs: ['rclone'],
    withinMs: 5000,
    exitCode: ExitCode.mount,
    run: mounting,
  },
];

const ORIGINS: Record<Rclone['origin'], string> = {
  flag: 'the one you named',
  environment: 'the one CLOUD_RCLONE names',
  private: 'our private copy',
  path: 'the one of this machine',
};

async function rclone(facts: Facts): Promise<Observation[]> {
  const { host } = facts;
  let found: Rclone;
  try {
    found = await facts.rclone();
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    return [await noRclone(facts, error)];
  }
  const { version, origin, path, capabilities } = found;
  const able = (['bisync', 'mount', 'nfsmount'] as const).filter((each) => capabilities[each]);
  const what = `rclone ${version} (${able.join(', ')}), ${ORIGINS[origin]}: ${path}`;
  const advice = versionWarning(found);
  const seen =
    advice === undefined
      ? ok(what)
      : warning(what, {
          cause: withoutStop(advice.split(';')[0] ?? advice),
          cure: {
            sentence: 'Get a newer private copy.',
            command: origin === 'private' ? 'cloud rclone update' : 'cloud rclone install',
          },
        });
  const copy = origin === 'path' ? await readPrivateCopy(host) : undefined;
  if (copy === undefined) return [seen];
  const probe = await probeRclone(copy.path, host);
  if (probe.fit) return [seen];
  return [
    seen,
    warning('Our private copy of rclone is broken, so the one of this machine is used', {
      cause: `${copy.path}: ${probe.reason}`,
      cure: { sentence: 'Install it anew.', command: 'cloud rclone install --method official' },
    }),
  ];
}

/** Where nothing is set up yet, set-up brings it. */
async function noRclone(facts: Facts, error: AbortError): Promise<Observation> {
  const named = (facts.host.env['CLOUD_RCLONE'] ?? '') !== '';
  const seen = failureOf(facts.deps.reportOf(error));
  const isSetUp = (await facts.context().catch(() => undefined)) !== undefined;
  if (!isSetUp && !named) {
    return warning(seen.summary, {
      cure: { sentence: 'Set-up installs a private copy.', command: 'cloud setup' },
    });
  }
  if (named) return seen;
  return {
    ...seen,
    cure: { sentence: 'Install a private copy.', command: 'cloud rclone install' },
    fix: async () => {
      const { version, path } = await facts.deps.installRclone(facts.host, facts.signal);
      return `installed rclone ${version} at ${path}`;
    },
  };
}

async function mounting(facts: Facts): Promise<Observation[]> {
  const usable = await facts.rclone().catch(() => undefined);
  if (usable === undefined) return [skipped('there is no rclone yet')];
  const { capabilities } = usable;
  const machine = await probeMachine(facts.host, capabilities);
  try {
    return [ok(`This machine can mount by ${chooseAdapter(machine).reason}`)];
  } catch (error) {
    if (!(error instanceof AbortError)) throw error;
    const seen = failureOf(facts.deps.reportOf(error));
    const mounted = (await facts.mounts()).some(({ state }) => state !== 'unmounted');
    if (mounted) return [seen];
    const { summary, cure } = seen;
    return [warning(summary, cure === undefined ? {} : { cure })];
  }
}

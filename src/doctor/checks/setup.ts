import { ExitCode } from '../../output/exit-codes.ts';
import { count } from '../../output/format.ts';
import { compareVersions } from '../../rclone/rclone.ts';
import { STORED } from '../../session/tokens.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { failure, ok, warning, type Observation } from '../finding.ts';

const NODE_FLOOR = '24.7.0';

export const setupChecks: readonly Check[] = [
  {
    id: 'node',
    group: 'Set-up',
    title: 'Node',
    withinMs: 1000,
    exitCode: ExitCode.failed,
    run: ({ deps }) => Promise.resolve([judgeNode(deps.nodeVersion)]),
  },
  {
    id: 'configuration',
    group: 'Set-up',
    title: 'Configuration',
    withinMs: 5000,
    exitCode: ExitCode.needsPerson,
    run: configuration,
  },
  {
    id: 'context',
    group: 'Set-up',
    title: 'Set-up',
    needs: ['configuration'],
    withinMs: 5000,
    exitCode: ExitCode.notSetUp,
    run: context,
  },
  {
    id: 'secrets',
    group: 'Set-up',
    title: 'Stored secrets',
    needs: ['configuration'],
    // A desktop may ask its owner to unlock the keychain.
    withinMs: 10_000,
    exitCode: ExitCode.needsPerson,
    run: secrets,
  },
];

export function judgeNode(version: string): Observation {
  if (compareVersions(version, NODE_FLOOR) >= 0) return ok(`Node ${version}`);
  return failure(ExitCode.failed, `Node ${version} is older than ${NODE_FLOOR}`, {
    cure: { sentence: 'Install a newer one from https://nodejs.org' },
  });
}

async function configuration(facts: Facts): Promise<Observation[]> {
  const { contexts } = await facts.configuration();
  const names = Object.keys(contexts);
  const known = names.length === 0 ? 'no contexts yet' : count(names.length, 'context');
  return [ok(`Configuration can be read: ${known}`)];
}

async function context(facts: Facts): Promise<Observation[]> {
  const found = await facts.context();
  if (found === undefined) {
    return [
      failure(ExitCode.notSetUp, 'Nothing has been set up here yet', {
        cure: { sentence: 'This is what comes next.', command: 'cloud setup' },
      }),
    ];
  }
  return [ok(`Set up for ${found.tenant.name} on ${found.server} (context ${found.name})`)];
}

async function secrets(facts: Facts): Promise<Observation[]> {
  const { contexts } = await facts.configuration();
  const store = await facts.secrets();
  // Opens the file with its key, whichever context it is for.
  const name = (await facts.context())?.name ?? Object.keys(contexts)[0] ?? '';
  await store.getPassword(STORED.bucketKey, name);
  const place = await store.place();
  if (place === 'file' || isSet(facts.host.env['CLOUD_INSECURE_STORAGE'])) {
    return [ok('Secrets are in a file that only your user can read, as you chose')];
  }
  if (place === 'keychain') return [ok('Secrets open with the key in the keychain')];
  try {
    await (await facts.deps.openKeychain('secrets-key')).get();
    return [ok('There is a keychain for the secrets')];
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return [
      warning('No keychain that is open, so set-up has no safe place for your keys', {
        cause,
        cure: {
          sentence:
            'Unlock or install one (on Linux: gnome-keyring or KWallet), or accept a key file that only your user can read.',
          command: 'cloud setup --insecure-storage',
        },
      }),
    ];
  }
}

function isSet(value: string | undefined): boolean {
  return /^(1|true|yes)$/i.test(value ?? '');
}

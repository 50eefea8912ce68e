import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { ensureBucketKey } from '../../session/bucket-key.ts';
import { storedBucketKey } from '../../session/open.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { failure, failureOf, ok, warning, type Observation } from '../finding.ts';

export const accountChecks: readonly Check[] = [
  {
    id: 'sign-in',
    group: 'Account and bucket',
    title: 'Sign-in',
    needs: ['server', 'secrets'],
    withinMs: 20_000,
    exitCode: ExitCode.auth,
    run: signIn,
  },
  {
    id: 'key',
    group: 'Account and bucket',
    title: 'Key of the bucket',
    needs: ['sign-in'],
    withinMs: 20_000,
    exitCode: ExitCode.auth,
    run: key,
  },
];

async function signIn(facts: Facts): Promise<Observation[]> {
  const { api, context } = await facts.session();
  const token = (facts.host.env['CLOUD_TOKEN'] ?? '') === '' ? 'the stored API key' : 'CLOUD_TOKEN';
  try {
    const me = await api.me();
    if (me.tenant?.id !== context.tenant.id) {
      return [
        failure(ExitCode.auth, `The server knows ${token} as another tenant's`, {
          cause: `It is for ${me.tenant?.name ?? 'no tenant'}, the context is ${context.tenant.name}.`,
          cure: { sentence: 'Sign in with a key of this tenant.', command: 'cloud login' },
        }),
      ];
    }
    return [ok(`Signed in for ${me.tenant.name} with ${token}`)];
  } catch (error) {
    if (!(error instanceof AbortError) || error.exitCode !== ExitCode.auth) throw error;
    const seen = failureOf(facts.deps.reportOf(error), `The server does not accept ${token}`);
    const cure =
      token === 'CLOUD_TOKEN'
        ? {
            sentence: 'Set another, or unset it to use the stored one.',
            command: 'unset CLOUD_TOKEN',
          }
        : { sentence: 'Sign in again.', command: 'cloud login' };
    return [{ ...seen, cure }];
  }
}

/** What the server says of this machine's key; the bucket itself is asked by another check. */
async function key(facts: Facts): Promise<Observation[]> {
  const session = await facts.session();
  const { context, api, secrets } = session;
  const renew = async (): Promise<string> => {
    const { how } = await ensureBucketKey(session, facts.host);
    return how === 'replaced'
      ? 'got a new key for the bucket; the old one is revoked'
      : 'got a key for the bucket';
  };
  const cure = { sentence: 'Get a new one; an old one is revoked.', command: 'cloud doctor --fix' };
  const stored = await storedBucketKey(secrets, context.name);
  if (stored?.tenant_id !== context.tenant.id) {
    const summary = 'This machine has no key for the bucket';
    return [failure(ExitCode.auth, summary, { cure, fix: renew })];
  }
  const { credentials } = await api.listMountCredentials();
  const known = credentials.find(({ id }) => id === stored.id);
  if (known?.access_key !== stored.access_key) {
    return [
      failure(ExitCode.auth, "The server does not know this machine's key any more", {
        cause: 'It was revoked or has expired.',
        ...{ cure, fix: renew },
      }),
    ];
  }
  return [judgeExpiry(known.expires_at, facts.host.clock.now(), { cure, fix: renew })];
}

const DAY_MS = 86_400_000;

/** @param endsAt RFC 3339, or null when it does not end by itself */
export function judgeExpiry(
  endsAt: string | null,
  now: number,
  more: Pick<Observation, 'cure' | 'fix'> = {},
): Observation {
  if (endsAt === null) return ok("The server knows this machine's key; it does not expire");
  const left = Date.parse(endsAt) - now;
  const date = endsAt.slice(0, 10);
  if (left <= 0) return failure(ExitCode.auth, `This machine's key has expired on ${date}`, more);
  if (left <= DAY_MS) return warning("This machine's key ends within a day", more);
  return ok(`The server knows this machine's key; it ends on ${date}`);
}

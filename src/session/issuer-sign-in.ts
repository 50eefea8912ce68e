import { createApiClient } from '../api/client.ts';
import type { TokenExchange } from '../api/contract/auth.ts';
import type { TrustedIssuer } from '../api/contract/issuers.ts';
import { openProvider } from '../api/provider-client.ts';
import { closest } from '../output/closest.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import { deviceFlow, type DeviceFlowDeps } from './device-flow.ts';
import { withTenantChoice, type ChooseTenant } from './password.ts';
import { toGrant, type Grant } from './tokens.ts';

/**
 * Where to sign in: the issuer that was named (by name or address), the only one that the server
 * trusts, the one that `ask` gets to know; undefined: at the server itself.
 *
 * @param wanted null: at the server itself, whatever it trusts
 * @throws AbortError `unknown-issuer`, `issuer-choice-needed` (2)
 */
export async function chooseIssuer(
  trusted: readonly TrustedIssuer[],
  wanted: string | null | undefined,
  ask: ((issuers: readonly TrustedIssuer[]) => Promise<TrustedIssuer | undefined>) | undefined,
): Promise<TrustedIssuer | undefined> {
  if (wanted === null) return undefined;
  if (wanted !== undefined) {
    const bare = (text: string): string => text.replace(/\/$/, '');
    const found = trusted.find(
      ({ name, issuer }) => name === wanted || bare(issuer) === bare(wanted),
    );
    if (found !== undefined) return found;
    throw unknownIssuer(trusted, wanted);
  }
  if (trusted.length < 2) return trusted[0];
  if (ask !== undefined) return ask(trusted);
  const names = trusted.map(({ name }) => name);
  throw new AbortError(
    'issuer-choice-needed',
    `There are several places to sign in at: ${names.join(', ')}, and the server itself.`,
    {
      exitCode: ExitCode.usage,
      suggestions: [`Choose one: --issuer ${names[0] ?? 'NAME'}`, 'Or the server: --no-issuer'],
      details: { issuers: names },
    },
  );
}

function unknownIssuer(trusted: readonly TrustedIssuer[], wanted: string): AbortError {
  const names = trusted.map(({ name }) => name);
  const guess = closest(wanted, names);
  return new AbortError('unknown-issuer', `The server does not trust an issuer ${wanted}.`, {
    exitCode: ExitCode.usage,
    suggestions: [
      ...(guess === undefined ? [] : [`Did you mean --issuer ${guess}?`]),
      names.length === 0 ? 'It trusts none: cloud login' : `It trusts: ${names.join(', ')}`,
    ],
    details: { issuers: names },
  });
}

/**
 * Signs in at an issuer by its own device flow, and exchanges its ID token for a session of the
 * server's. What the issuer gave besides is not kept.
 *
 * @throws AbortError what `deviceFlow` and the exchange say; `issuer-unreachable`, `issuer-unfit` (5)
 */
export async function issuerSignIn(
  server: string,
  issuer: TrustedIssuer,
  request: Pick<TokenExchange, 'tenant' | 'scope' | 'device_name' | 'device_system'>,
  deps: Omit<DeviceFlowDeps, 'begin'> & { choose: ChooseTenant | undefined },
): Promise<Grant> {
  const { signal, choose } = deps;
  const provider = await openProvider(issuer, signal);
  const idToken = await deviceFlow(
    { ...deps, begin: () => provider.authorizeDevice() },
    (deviceCode) => provider.deviceToken(deviceCode),
  );
  registerSecret(idToken);
  const api = createApiClient({ server, signal });
  return withTenantChoice(
    async (tenant) => toGrant(await api.exchangeIdToken({ ...request, ...tenant, idToken })),
    choose,
  );
}

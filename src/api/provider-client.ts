import * as z from 'zod/mini';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { DEVICE_CODE_GRANT } from './contract/auth.ts';
import { ProviderMetadata, type TrustedIssuer } from './contract/issuers.ts';
import { openRequests, type Call } from './request.ts';

/** RFC 8628 §3.2: what our own server always sends is optional elsewhere. */
const ProviderDeviceAuthorization = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.url(),
  verification_uri_complete: z.optional(z.url()),
  expires_in: z.number(),
  interval: z.optional(z.number()),
});
export type ProviderDeviceAuthorization = z.infer<typeof ProviderDeviceAuthorization>;

const ProviderTokens = z.object({ id_token: z.string() });

/** An OpenID provider that our server trusts, as far as signing in there goes. */
export interface Provider {
  authorizeDevice(): Promise<ProviderDeviceAuthorization>;
  /** The ID token. Until a person has decided: AbortError `authorization_pending` or `slow_down`. */
  deviceToken(deviceCode: string): Promise<string>;
}

/**
 * Reads a provider's discovery document.
 *
 * @throws AbortError `issuer-unreachable`, `issuer-unfit` (5)
 */
export async function openProvider(trusted: TrustedIssuer, signal: AbortSignal): Promise<Provider> {
  const { name, issuer, client_id: clientId, scope } = trusted;
  const call = async <T>(endpoint: string, request: Omit<Call<T>, 'path' | 'anonymous'>) => {
    const { origin, pathname, search } = secure(name, endpoint);
    const send = openRequests({ server: origin, signal });
    try {
      return await send({ ...request, path: pathname.slice(1) + search, anonymous: true });
    } catch (error) {
      throw explained(error, name, issuer);
    }
  };
  const base = issuer.replace(/\/$/, '');
  const metadata = await call(`${base}/.well-known/openid-configuration`, {
    method: 'GET',
    answer: ProviderMetadata,
  });
  const { token_endpoint: tokens, device_authorization_endpoint: device } = metadata;
  if (metadata.issuer !== issuer || tokens === undefined || device === undefined) {
    throw unfit(name, 'does not offer what signing in here needs');
  }
  return {
    authorizeDevice: () =>
      call(device, {
        method: 'POST',
        form: { client_id: clientId, scope },
        answer: ProviderDeviceAuthorization,
      }),
    deviceToken: async (deviceCode) => {
      const answer = await call(tokens, {
        method: 'POST',
        form: { grant_type: DEVICE_CODE_GRANT, device_code: deviceCode, client_id: clientId },
        answer: ProviderTokens,
      });
      return answer.id_token;
    },
  };
}

/** Tokens travel there: https, except on this machine itself. */
function secure(name: string, address: string): URL {
  const url = URL.parse(address);
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url?.hostname ?? '');
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))) {
    throw unfit(name, `names ${address}, which is not an https address`);
  }
  return url;
}

function explained(error: unknown, name: string, issuer: string): unknown {
  if (!(error instanceof AbortError)) return error;
  if (error.code === 'not-our-server') return unfit(name, 'answered, but not as an issuer does');
  if (error.code !== 'server-unreachable') return error;
  return new AbortError('issuer-unreachable', error.message, {
    exitCode: ExitCode.unreachable,
    suggestions: [
      `Signing in goes through ${name} (${issuer}). Try again when it answers.`,
      'With an account of the server itself: cloud login --no-issuer',
    ],
    cause: error,
  });
}

function unfit(name: string, what: string): AbortError {
  return new AbortError('issuer-unfit', `The issuer ${name} ${what}.`, {
    exitCode: ExitCode.unreachable,
    suggestions: ['Whoever runs the server can look at it: cloud admin issuer show'],
  });
}

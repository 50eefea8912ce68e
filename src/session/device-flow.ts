import type { ProviderDeviceAuthorization } from '../api/provider-client.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import type { Clock } from '../platform/clock.ts';

/** What a person is shown. */
export interface DeviceCode {
  userCode: string;
  /** Where the code is typed in. */
  address: string;
  /** The same with the code in it, for a browser that is opened here. */
  addressWithCode: string;
  /** Milliseconds until it is of no use any more. */
  lifeMs: number;
}

export interface DeviceFlowDeps {
  /** Asks for a code, at our server or at an issuer. */
  begin: () => Promise<ProviderDeviceAuthorization>;
  clock: Clock;
  signal: AbortSignal;
  /** Shows the code, and may open a browser. */
  onCode: (code: DeviceCode) => Promise<void>;
}

/** RFC 8628 §3.5: so much longer between requests, from then on. */
const SLOW_DOWN_MS = 5000;
/** Back-off while the server cannot be reached. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * Signs in by the device flow (RFC 8628): shows a code, and waits until a person has approved it
 * in a browser, on this machine or another one. `poll` exchanges the code once that has happened.
 *
 * @throws AbortError `access_denied`, `expired_token` (4), `device-flow-unknown` (5), and what the
 *   server says
 */
export async function deviceFlow<T>(
  deps: DeviceFlowDeps,
  poll: (deviceCode: string) => Promise<T>,
): Promise<T> {
  const { begin, clock, signal } = deps;
  const started = clock.now();
  const authorization = await begin();
  registerSecret(authorization.device_code);
  const lifeMs = authorization.expires_in * 1000;
  await deps.onCode({ ...shown(authorization), lifeMs });
  // A server without a word about it means five seconds (§3.2).
  let intervalMs = Math.max(1, authorization.interval ?? 5) * 1000;
  let pauseMs = intervalMs;
  for (;;) {
    await clock.sleep(pauseMs, signal);
    if (clock.now() - started >= lifeMs) throw expired();
    try {
      return await poll(authorization.device_code);
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      if (error.code === 'slow_down') intervalMs += SLOW_DOWN_MS;
      if (error.code === 'slow_down' || error.code === 'authorization_pending') {
        pauseMs = intervalMs;
      } else if (error.exitCode === ExitCode.unreachable) {
        pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      } else {
        throw ending(error);
      }
    }
  }
}

/** Shown and opened only when it is what it should be: it comes from somebody else's machine. */
function shown(answer: ProviderDeviceAuthorization): Omit<DeviceCode, 'lifeMs'> {
  const { verification_uri: address, verification_uri_complete: complete = address } = answer;
  const addresses = [address, complete];
  const web = addresses.every((each) => /^https?:$/.test(new URL(each).protocol));
  if (!web || !/^[A-Z0-9-]{4,20}$/i.test(answer.user_code)) {
    throw new AbortError('not-our-server', 'The server answered with a code that is none.', {
      exitCode: ExitCode.unreachable,
      suggestions: ['Check the address (--server).'],
    });
  }
  return {
    userCode: answer.user_code,
    address: new URL(address).href,
    addressWithCode: new URL(complete).href,
  };
}

function ending(error: AbortError): AbortError {
  if (error.code === 'expired_token') return expired();
  if (error.code !== 'access_denied') return error;
  return new AbortError('access_denied', 'The sign-in was refused in the browser.', {
    exitCode: ExitCode.auth,
    suggestions: ['Start again: cloud login'],
    cause: error,
  });
}

function expired(): AbortError {
  return new AbortError('expired_token', 'The code was not used in time.', {
    exitCode: ExitCode.auth,
    suggestions: ['Get another one: cloud login'],
  });
}

import { describe, expect, test } from 'vitest';
import type { DeviceAuthorization, TokenResponse } from '../../../src/api/contract/auth.ts';
import { AbortError } from '../../../src/output/errors.ts';
import { ExitCode } from '../../../src/output/exit-codes.ts';
import type { Clock } from '../../../src/platform/clock.ts';
import { deviceFlow, type DeviceCode } from '../../../src/session/device-flow.ts';
import { toGrant } from '../../../src/session/tokens.ts';

const AUTHORIZATION: DeviceAuthorization = {
  device_code: 'device-code-secret',
  user_code: 'BCDF-GHJK',
  verification_uri: 'https://cloud.example/device',
  verification_uri_complete: 'https://cloud.example/device?user_code=BCDF-GHJK',
  expires_in: 600,
  interval: 5,
};
const TOKENS: TokenResponse = {
  access_token: 'the access token',
  token_type: 'Bearer',
  expires_in: 600,
  scope: 'mount',
  refresh_token: 'the refresh token',
  refresh_expires_in: 3600,
};

const oauth = (code: string): AbortError =>
  new AbortError(code, code, { exitCode: ExitCode.auth, details: { status: 400 } });
const offline = new AbortError('server-unreachable', 'x', { exitCode: ExitCode.unreachable });

/** Runs the flow against these answers; how long it slept each time is noted, in seconds. */
async function run(
  answers: readonly (AbortError | TokenResponse)[],
  authorization: Partial<DeviceAuthorization> = {},
  signal = new AbortController().signal,
) {
  const pauses: number[] = [];
  const codes: DeviceCode[] = [];
  let now = 0;
  const clock: Clock = {
    now: () => now,
    sleep: (ms) => {
      signal.throwIfAborted();
      pauses.push(ms / 1000);
      now += ms;
      return Promise.resolve();
    },
  };
  const left = [...answers];
  const outcome = await deviceFlow(
    {
      begin: () => Promise.resolve({ ...AUTHORIZATION, ...authorization }),
      clock,
      signal,
      onCode: (code) => {
        codes.push(code);
        return Promise.resolve();
      },
    },
    (code) => {
      expect(code).toBe('device-code-secret');
      const answer = left.shift() ?? oauth('authorization_pending');
      return answer instanceof AbortError
        ? Promise.reject(answer)
        : Promise.resolve(toGrant(answer));
    },
  ).then(
    (grant) => ({ grant }),
    (error: unknown) => ({ error }),
  );
  return { ...outcome, pauses, codes };
}

describe('the device flow', () => {
  test('shows the code, waits as told, slows down for good, and backs off while offline', async () => {
    const { pauses, codes, ...outcome } = await run([
      oauth('authorization_pending'),
      oauth('slow_down'),
      oauth('authorization_pending'),
      offline,
      offline,
      oauth('authorization_pending'),
      TOKENS,
    ]);
    expect(outcome).toEqual({
      grant: {
        accessToken: 'the access token',
        lifeMs: 600_000,
        refresh: { token: 'the refresh token', lifeMs: 3_600_000 },
      },
    });
    expect(pauses).toEqual([5, 5, 10, 10, 20, 40, 10]);
    expect(codes).toEqual([
      {
        userCode: 'BCDF-GHJK',
        address: 'https://cloud.example/device',
        addressWithCode: 'https://cloud.example/device?user_code=BCDF-GHJK',
        lifeMs: 600_000,
      },
    ]);
  });

  test.each([
    ['refused in the browser', [oauth('access_denied')], 'access_denied', 4],
    ['too late, says the server', [oauth('expired_token')], 'expired_token', 4],
    ['never decided', [], 'expired_token', 4],
    ['something else', [oauth('invalid_client')], 'invalid_client', 4],
  ])('%s', async (_, answers, code, exitCode) => {
    expect(await run(answers)).toMatchObject({ error: { code, exitCode } });
  });

  test.each([
    { verification_uri: 'javascript:alert(1)' },
    { verification_uri_complete: 'file:///etc/passwd' },
    { user_code: '\u001b[2Jevil' },
  ])('%o is neither shown nor opened', async (answer) => {
    const { codes, ...outcome } = await run([TOKENS], answer);
    expect(outcome).toMatchObject({ error: { code: 'not-our-server' } });
    expect(codes).toEqual([]);
  });

  test('Ctrl-C ends the waiting', async () => {
    const reason = new Error('Interrupted.');
    expect(await run([TOKENS], {}, AbortSignal.abort(reason))).toMatchObject({ error: reason });
  });
});

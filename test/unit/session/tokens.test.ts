import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { openSession } from '../../../src/session/open.ts';
import { openSecretStore } from '../../../src/session/secret-store.ts';
import { signInWithSession } from '../../../src/session/sign-in.ts';
import { STORED, storedSession } from '../../../src/session/tokens.ts';
import { startAuthServer, type AuthServer } from '../../support/auth-server.ts';
import { steppedClock } from '../../support/stepped-clock.ts';
import { openWorkspace, type Workspace } from '../../support/workspace.ts';

const sessions = new URL('../../../src/session/open.ts', import.meta.url).href;
const hosts = new URL('../../../src/platform/host.ts', import.meta.url).href;

/** Somebody who signed in a while ago: the access token has ended. */
async function signedIn(server: AuthServer): Promise<Workspace> {
  const user = await openWorkspace();
  const secrets = openSecretStore(user.host);
  const { accessToken, refreshToken } = server.newSession();
  const grant = { accessToken, lifeMs: 1000, refresh: { token: refreshToken, lifeMs: undefined } };
  await signInWithSession({ server: server.url, grant }, user.host, secrets);
  return user;
}

const refreshTokenOf = async ({ host }: Workspace): Promise<string | undefined> =>
  (await storedSession('acme', openSecretStore(host)))?.refreshToken;

describe('renewing a session', () => {
  test('ten processes at once make one request, and nobody is signed out', async () => {
    const server = await startAuthServer();
    const user = await signedIn(server);
    const script = `
      import { openSession } from ${JSON.stringify(sessions)};
      import { currentHost } from ${JSON.stringify(hosts)};
      const session = await openSession(currentHost(), {});
      process.stdout.write('ready\\n');
      await new Promise((resolve) => process.stdin.once('data', resolve));
      process.stdin.destroy();
      process.stdout.write((await session.api.me()).subject);`;
    const runs = Array.from({ length: 10 }, () =>
      execa(process.execPath, ['--input-type=module', '-e', script], {
        env: user.env,
        extendEnv: false,
        reject: false,
      }),
    );
    await Promise.all(
      runs.map((run) => new Promise((resolve) => run.stdout.once('data', resolve))),
    );
    for (const run of runs) run.stdin.write('go\n');
    for (const run of await Promise.all(runs)) {
      expect(run).toMatchObject({ exitCode: 0, stderr: '', stdout: 'ready\nuser:1' });
    }
    expect(server.grants).toEqual(['refresh_token']);
    // The rotated token was kept: the next one to need it goes on with it.
    await openSecretStore(user.host).deletePassword(STORED.accessToken, 'acme');
    await expect((await openSession(user.host, {})).api.me()).resolves.toBeDefined();
    expect(server.grants).toHaveLength(2);
  });

  test('a lost reply signs nobody out', async () => {
    const server = await startAuthServer();
    const user = await signedIn(server);
    const before = await refreshTokenOf(user);
    server.loseNextReply();
    const session = await openSession(user.host, {});
    await expect(session.api.me()).rejects.toMatchObject({
      code: 'server-unreachable',
      exitCode: 5,
    });
    expect(await refreshTokenOf(user)).toBe(before);
    expect((await session.api.me()).user?.username).toBe('ada');
    expect(await refreshTokenOf(user)).not.toBe(before);
  });

  test('one that runs for months renews before each end, also after the machine slept', async () => {
    const server = await startAuthServer({ lifeSeconds: 600 });
    const user = await signedIn(server);
    const clock = steppedClock(Date.now());
    const session = await openSession({ ...user.host, clock }, {});
    for (const minutes of [0, 8, 1.5, 60 * 24 * 29, 60 * 24 * 29]) {
      clock.jump(minutes * 60_000);
      await expect(session.api.me()).resolves.toBeDefined();
    }
    // At 8 minutes the first was still good; at 9.5 it would have ended within the minute.
    expect(server.grants).toHaveLength(4);
  });

  test('a token that is refused before its time is renewed once', async () => {
    const server = await startAuthServer();
    const user = await signedIn(server);
    const secrets = openSecretStore(user.host);
    const dead = { token: 'revoked-behind-our-back', expiresAt: Date.now() + 3_600_000 };
    await secrets.setPassword(STORED.accessToken, 'acme', JSON.stringify(dead));
    await expect((await openSession(user.host, {})).api.me()).resolves.toBeDefined();
    expect(server.grants).toEqual(['refresh_token']);
  });

  test('a session that was ended says so, and is not asked for twice in one call', async () => {
    const server = await startAuthServer();
    const user = await signedIn(server);
    await openSecretStore(user.host).setPassword(
      STORED.session,
      'acme',
      JSON.stringify({ refreshToken: 'cloud_rt_unknown' }),
    );
    const session = await openSession(user.host, {});
    await expect(session.api.me()).rejects.toMatchObject({ code: 'session-ended', exitCode: 4 });
    expect(server.grants).toHaveLength(1);
  });

  test('a new sign-in ends the session that it replaces', async () => {
    const server = await startAuthServer();
    const user = await signedIn(server);
    const old = await refreshTokenOf(user);
    const { accessToken, refreshToken } = server.newSession();
    const grant = {
      accessToken,
      lifeMs: 1000,
      refresh: { token: refreshToken, lifeMs: undefined },
    };
    await signInWithSession({ server: server.url, grant }, user.host, openSecretStore(user.host));
    expect(server.revoked).toEqual([old]);
    expect(await refreshTokenOf(user)).toBe(refreshToken);
  });
});

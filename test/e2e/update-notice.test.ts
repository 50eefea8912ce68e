import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runCloud } from '../support/run-cloud.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { runOnTerminal } from '../support/terminal.ts';
import { openWorkspace } from '../support/workspace.ts';

const NOTICE = /^Version 9\.9\.9 of cloud is out; this is \d+\.\d+\.\d+\./m;

async function open(env: NodeJS.ProcessEnv): Promise<TestServer> {
  const server = await startTestServer({ tenants: ['acme'], env });
  onTestFinished(() => server.close());
  return server;
}

async function signedIn(server: TestServer) {
  const { env, host } = await openWorkspace();
  const login = await runCloud(['login', '--server', server.url, '--token-stdin'], {
    env,
    input: server.apiKeyOf('acme'),
  });
  expect(login.exitCode, login.stderr).toBe(0);
  return { env, login, kept: join(host.places.state, 'update.json') };
}

test('a newer release is told of once, where somebody reads, and nobody is asked for it', async () => {
  const server = await open({ CLOUD_SERVER_LATEST_VERSION: '9.9.9' });
  const { env, login, kept } = await signedIn(server);
  expect(login.stdout + login.stderr).not.toContain('9.9.9');

  // Due each time, and never said.
  const hidden: [string, NodeJS.ProcessEnv?][] = [
    ['whoami --json'],
    ['whoami --quiet'],
    ['whoami --no-input'],
    ['whoami > /dev/null'],
    ['whoami 2> /dev/null'],
    ['whoami', { CI: 'true' }],
    ['whoami', { CLOUD_UPDATE_NOTICE: '0' }],
    ['whoami', { NO_UPDATE_NOTIFIER: '1' }],
  ];
  for (const [command, more] of hidden) {
    const { screen } = await runOnTerminal(command, { ...env, ...more }, []);
    expect(screen, `${command} ${JSON.stringify(more)}`).not.toContain('9.9.9');
  }

  const requests = async (command: string, more: NodeJS.ProcessEnv = {}) => {
    const before = server.logs().length;
    const { screen } = await runOnTerminal(command, { ...env, ...more }, []);
    const log = server.logs().slice(before);
    return { screen, routes: [...log.matchAll(/"route":"([^"]+)"/g)].map(([, route]) => route) };
  };
  const without = await requests('whoami', { CLOUD_UPDATE_NOTICE: '0' });
  const told = await requests('whoami');
  expect(told.screen).toMatch(NOTICE);
  expect(without.routes.length).toBeGreaterThan(0);
  expect(told.routes).toEqual(without.routes);
  expect((await requests('whoami')).screen).not.toContain('9.9.9');

  // What one command heard, another tells of that asks no server.
  await rm(kept);
  await runCloud(['whoami'], { env });
  const offline = await requests('profiles list');
  expect(offline.screen).toMatch(NOTICE);
  expect(offline.routes).toEqual([]);
});

test('an operator can keep the server from naming one', async () => {
  const server = await open({ CLOUD_SERVER_LATEST_VERSION: 'none' });
  const { env, kept } = await signedIn(server);
  expect((await fetch(`${server.url}/version`)).headers.has('cloud-latest-version')).toBe(false);
  expect((await runOnTerminal('whoami', env, [])).screen).not.toContain('is out');
  await expect(stat(kept)).rejects.toThrow('ENOENT');
});

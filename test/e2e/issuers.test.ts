import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  approveAtProvider,
  CLIENT,
  startProvider,
  type TestProvider,
} from '../support/oidc-provider.ts';
import { runCloud } from '../support/run-cloud.ts';
import { startCloud } from '../support/running-cloud.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { openWorkspace } from '../support/workspace.ts';

let server: TestServer;
let provider: TestProvider;
beforeAll(async () => {
  server = await startTestServer({
    tenants: ['acme', 'other'],
    env: { CLOUD_SERVER_ISSUER_PRIVATE: '1' },
  });
  provider = await startProvider(() => ({ groups: ['acme', 'other', 'something else'] }));
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
  await server.close();
});

async function newMachine() {
  const { env: base } = await openWorkspace();
  const env = { ...base, CLOUD_SERVER: server.url, CLOUD_ADMIN_TOKEN: server.adminToken };
  const json = async (...args: string[]) => {
    const run = await runCloud([...args, '--json'], { env });
    expect(run.exitCode, run.stderr).toBe(0);
    return JSON.parse(run.stdout) as Record<string, unknown>;
  };
  const fails = async (...args: string[]) => {
    const run = await runCloud([...args, '--json'], { env });
    const { error } = JSON.parse(run.stderr) as { error: Record<string, unknown> };
    return { exitCode: run.exitCode, ...error };
  };
  return { env, json, fails };
}

test('an issuer is trusted, signs people in by its own device flow, and goes again', async () => {
  const { env, json, fails } = await newMachine();
  const trust = [
    ...['admin', 'issuer', 'add', 'work', '--url', provider.issuer, '--client-id', CLIENT],
    ...['--create-users', '--tenant-claim', 'groups'],
  ];
  expect(await json(...trust)).toMatchObject({ name: 'work', algorithms: ['RS256'] });
  const table = await runCloud(['admin', 'issuer', 'list'], { env });
  expect(table.stdout).toContain(provider.issuer);

  // The only one, so nobody needs to name it.
  const login = startCloud(['login', '--device', '--tenant', 'acme'], env);
  const code = await login.until(({ type }) => type === 'device-code');
  expect(String(code['verification_uri'])).toContain(provider.issuer);
  await approveAtProvider(String(code['verification_uri_complete']), 'ada');
  expect(await login.until(({ type }) => type === 'result')).toMatchObject({
    ...{ context: 'acme', account: 'ada', signed_in_by: 'session' },
  });
  expect(await login.ended).toBe(0);
  expect(await json('whoami')).toMatchObject({
    ...{ account: 'ada', role: 'editor', signed_in_by: 'session', tenant: { slug: 'acme' } },
  });
  expect(await json('admin', 'issuer', 'show', 'work')).toMatchObject({
    identities: [{ subject: 'ada', user: { username: 'ada' } }],
  });

  expect(await fails('login', '--device', '--issuer', 'wrok')).toMatchObject({
    ...{ exitCode: 2, code: 'unknown-issuer' },
    suggestions: ['Did you mean --issuer work?', 'It trusts: work'],
  });
  await provider.stop();
  expect(await fails('login', '--device')).toMatchObject({
    ...{ exitCode: 5, code: 'issuer-unreachable' },
    message: `Cannot reach ${provider.issuer}: the connection was refused.`,
  });
  await provider.start();
  // At the server itself one can still sign in.
  const own = startCloud(['login', '--device', '--no-issuer'], env);
  const ours = await own.until(({ type }) => type === 'device-code');
  expect(String(ours['verification_uri'])).toContain(server.url);
  own.signal('SIGINT');
  expect(await own.ended).toBe(130);

  expect(await fails('admin', 'issuer', 'remove', 'work')).toMatchObject({
    ...{ exitCode: 2, code: 'confirmation-needed' },
  });
  expect(await json('admin', 'issuer', 'remove', 'work', '--yes')).toMatchObject({ removed: true });
  expect(await fails('whoami')).toMatchObject({ exitCode: 4, code: 'session-ended' });
});

test('who is of several tenants and names none is told which; refusals are explained', async () => {
  const { env, json } = await newMachine();
  const trust = ['admin', 'issuer', 'add', 'school', '--url', provider.issuer];
  await json(...trust, '--client-id', CLIENT, '--tenant-claim', 'groups', '--create-users');
  const login = startCloud(['login', '--device', '--issuer', provider.issuer], env);
  const code = await login.until(({ type }) => type === 'device-code');
  await approveAtProvider(String(code['verification_uri_complete']), 'grace');
  expect(await login.ended).toBe(2);
  expect(JSON.parse(login.stderr())).toMatchObject({
    error: { code: 'tenant-choice-needed', details: { tenants: ['acme', 'other'] } },
  });
  await json('admin', 'issuer', 'remove', 'school', '--yes');
  await json(...trust, '--client-id', CLIENT);
  const unknown = startCloud(['login', '--device'], env);
  const another = await unknown.until(({ type }) => type === 'device-code');
  await approveAtProvider(String(another['verification_uri_complete']), 'stranger');
  expect(await unknown.ended).toBe(4);
  expect(unknown.stderr()).toContain('cloud admin issuer link school');
});

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiClient } from '../../src/api/client.ts';
import { identityClient, PASSWORD, type IdentityClient } from '../support/identity.ts';
import { startCloud } from '../support/running-cloud.ts';
import { runCloud, type CloudRun } from '../support/run-cloud.ts';
import { approveDevice } from '../support/approve-device.ts';
import { realRclone } from '../support/rclone.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { runOnTerminal } from '../support/terminal.ts';
import { openWorkspace } from '../support/workspace.ts';

let server: TestServer;
let client: IdentityClient;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'] });
  client = identityClient(server);
  await client.addUser('olga', 'owner');
  await client.addUser('ada', 'member', { acme: 'editor' });
  // Of another tenant, whose keys nobody else of these tests makes.
  await client.addUser('kay', 'member', { other: 'editor' });
});
afterAll(() => server.close());

async function newMachine(more: NodeJS.ProcessEnv = {}) {
  const workspace = await openWorkspace();
  const env = { ...workspace.env, CLOUD_SERVER: server.url, ...more };
  const cloud = (args: string[], input?: string): Promise<CloudRun> =>
    runCloud(args, input === undefined ? { env } : { env, input });
  const json = async (args: string[], input?: string): Promise<unknown> => {
    const run = await cloud([...args, '--json'], input);
    expect(run.exitCode, run.stderr).toBe(0);
    return JSON.parse(run.stdout);
  };
  const fails = async (...args: string[]): Promise<object> => {
    const run = await cloud([...args, '--json']);
    return { exitCode: run.exitCode, ...(JSON.parse(run.stderr) as object) };
  };
  return { ...workspace, env, cloud, json, fails };
}

describe('who administers the server', () => {
  test('signs in for no tenant, and needs no admin token', async () => {
    const { json, fails } = await newMachine();
    const login = ['login', '--username', 'olga', '--password-stdin', '--admin'];
    const context = `olga@${new URL(server.url).host}`;
    expect(await json(login, PASSWORD)).toMatchObject({ context, tenant: null, account: 'olga' });
    expect(await json(['whoami'])).toMatchObject({ tenant: null, role: 'owner', bucket: null });
    expect(await json(['admin', 'tenant', 'list'])).toHaveLength(2);
    expect(await json(['server', 'keys', 'list'])).toHaveLength(2);
    // What needs a bucket says why there is none.
    expect(await fails('bisync')).toMatchObject({ exitCode: 4, error: { code: 'no-tenant' } });
    expect(await fails('credentials', 'list')).toMatchObject({
      ...{ exitCode: 4, error: { code: 'tenant-needed' } },
    });

    // A tenant beside it becomes the one that commands use; administering goes on.
    const tenant = ['login', '--username', 'olga', '--password-stdin', '--tenant', 'acme'];
    expect(await json(tenant, PASSWORD)).toMatchObject({ context: 'acme' });
    expect(await json(['whoami'])).toMatchObject({ tenant: { slug: 'acme' } });
    expect(await json(['admin', 'tenant', 'list'])).toHaveLength(2);
    expect(await fails('admin', 'tenant', 'list', '--context', 'acme')).toMatchObject({
      ...{ exitCode: 4, error: { code: 'administrator-needed' } },
    });
    expect(await json(['context', 'list'])).toMatchObject([
      { name: context, tenant: null, current: false },
      { name: 'acme', tenant: 'acme', current: true },
    ]);
    expect(await json(['logout', '--context', context])).toMatchObject({ session: 'revoked' });
    expect(await fails('admin', 'tenant', 'list')).toMatchObject({
      ...{ exitCode: 4, error: { code: 'admin-token-needed' } },
    });
  });

  test('by a code as well, where the page offers nothing but that', async () => {
    const { env, json } = await newMachine();
    const login = startCloud(['login', '--device', '--admin'], env);
    const code = await login.until(({ type }) => type === 'device-code');
    await approveDevice(String(code['verification_uri_complete']), { username: 'olga' });
    expect(await login.until(({ type }) => type === 'result')).toMatchObject({ tenant: null });
    expect(await json(['admin', 'tenant', 'list'])).toHaveLength(2);
  });

  test('is nobody who may not', async () => {
    const { cloud } = await newMachine();
    const login = ['login', '--username', 'ada', '--password-stdin', '--admin', '--json'];
    const run = await cloud(login, PASSWORD);
    expect(run.exitCode).toBe(4);
    expect(JSON.parse(run.stderr)).toMatchObject({ error: { code: 'no-tenant' } });
  });
});

describe('CLOUD_TOKEN alone', () => {
  test('is enough for what needs only a token, and nothing is stored', async () => {
    const { json, fails } = await newMachine({ CLOUD_TOKEN: server.apiKeyOf('acme') });
    expect(await json(['whoami'])).toMatchObject({
      ...{ tenant: { slug: 'acme' }, signed_in_by: 'CLOUD_TOKEN', context: null },
      server: server.url,
    });
    expect(await json(['credentials', 'list'])).toEqual([]);
    expect(await json(['api-keys', 'list'])).toMatchObject([{ tenant: 'acme', current: true }]);
    expect(await json(['context', 'list'])).toEqual([]);
    expect(await fails('bisync')).toMatchObject({ exitCode: 10 });
    expect(await fails('admin', 'tenant', 'list')).toMatchObject({
      ...{ exitCode: 4, error: { code: 'administrator-needed' } },
    });
  });

  test('of an administrator administers', async () => {
    const { json, cloud } = await newMachine({ CLOUD_TOKEN: server.adminToken });
    expect(await json(['admin', 'tenant', 'list'])).toHaveLength(2);
    expect(await json(['whoami'])).toMatchObject({ kind: 'admin_token', tenant: null });
    const text = await cloud(['whoami']);
    expect(text.stdout).toContain('CLOUD_TOKEN');
    expect(text.stdout).not.toContain('undefined');
  });
});

describe('setup with a name and a password', () => {
  test('is one command, and asks for neither a code nor a key', async () => {
    const rclone = await realRclone();
    const { json, cloud, host } = await newMachine({ CLOUD_RCLONE: rclone.path });
    const folder = join(host.places.home, 'synced');
    const setup = ['setup', '--username', 'ada', '--password-stdin', '--mode', 'bisync'];
    const run = await cloud([...setup, '--path', folder, '--yes'], `${PASSWORD}\n`);
    expect(run).toMatchObject({ exitCode: 0 });
    expect(run.stdout).toContain('Ready.');
    expect(await json(['whoami'])).toMatchObject({ account: 'ada', tenant: { slug: 'acme' } });
    expect(await cloud(['bisync'])).toMatchObject({ exitCode: 0 });
  });

  test('a wrong password ends before anything is done', async () => {
    const { cloud, json } = await newMachine();
    const setup = ['setup', '--username', 'ada', '--password-stdin', '--mode', 'bisync', '--json'];
    const run = await cloud(setup, 'wrong');
    expect(run.exitCode).toBe(4);
    expect(await json(['context', 'list'])).toEqual([]);
  });
});

describe('keys of the bucket', () => {
  test('are listed on 80 columns and in a pipe, and revoked one by one or all', async () => {
    const { json, cloud, env } = await newMachine();
    await json(['login', '--username', 'kay', '--password-stdin', '--tenant', 'other'], PASSWORD);
    const { access_token: token } = await client.login('kay', { tenant: 'other' });
    const api = createApiClient({ server: server.url, token: () => Promise.resolve(token) });
    const made = [];
    for (const description of ['cloud on the laptop with a rather long name.example', 'x', 'y']) {
      made.push(await api.createMountCredential({ description }));
    }
    const others = createApiClient({
      server: server.url,
      token: () => client.login('olga', { tenant: 'other' }).then((login) => login.access_token),
    });
    await others.createMountCredential({ permission: 'ro', expires_in: 86_400 });

    const screen = await runOnTerminal('credentials list', env, []);
    for (const line of screen.screen.split(/\r?\n/)) expect(line.length).toBeLessThanOrEqual(80);
    expect(screen.screen).toContain('not yours');
    expect(screen.screen).toMatch(/read +20\d\d-/);
    const piped = await cloud(['credentials', 'list', '--output', 'tsv']);
    // The last cell of a row may be empty, and its tab is to stay.
    const [head = '', ...rows] = piped.stdout.replace(/\n$/, '').split('\n');
    expect(head.split('\t')).toContain('access_key');
    expect(rows).toHaveLength(4);
    for (const row of rows) expect(row.split('\t')).toHaveLength(head.split('\t').length);
    expect(piped.stdout).not.toContain(made[0]!.secret_key);

    const [first] = made;
    expect(await json(['credentials', 'revoke', first!.id.slice(0, 8), '--yes'])).toMatchObject([
      { id: first!.id, mine: true },
    ]);
    expect(await json(['credentials', 'revoke', made[1]!.access_key, '--yes'])).toHaveLength(1);
    const all = await cloud(['credentials', 'revoke', '--all', '--yes']);
    expect(all).toMatchObject({ exitCode: 0, stdout: 'Revoked 1 key of the bucket.' });
    // Somebody else's stays.
    expect(await json(['credentials', 'list'])).toMatchObject([{ mine: false }]);
    const none = await cloud(['credentials', 'revoke', '--all', '--yes']);
    expect(none).toMatchObject({ exitCode: 0, stdout: 'There was no key of yours to revoke.' });
  });

  test('are replaced while they are in use, and anew where somebody revoked this one', async () => {
    const rclone = await realRclone();
    const { json, cloud, fails, host } = await newMachine({ CLOUD_RCLONE: rclone.path });
    await client.addUser('vera', 'member', { acme: 'viewer' });
    await json(['login', '--username', 'vera', '--password-stdin'], PASSWORD);
    const setup = ['setup', '--mode', 'bisync', '--path', join(host.places.home, 'synced')];
    expect(await fails(...setup, '--yes')).toMatchObject({ error: { code: 'scope-missing' } });
    // A role that gives more counts at once, although the token at hand says less.
    const role = { method: 'PATCH', path: '/api/v1/admin/tenants/acme/members/vera' };
    await client.call(role.method, role.path, server.adminToken, { role: 'editor' });
    expect(await cloud([...setup, '--yes'])).toMatchObject({ exitCode: 0 });
    const mine = async () =>
      ((await json(['credentials', 'list'])) as { id: string; mine: boolean }[]).filter(
        (key) => key.mine,
      );
    const [first] = await mine();
    expect(first).toMatchObject({ this_machine: true, permission: 'rw' });

    const [rotated] = (await json(['credentials', 'rotate'])) as { id: string }[];
    expect(rotated).toMatchObject({ replaced: { id: first!.id, revoked: true } });
    expect(await mine()).toMatchObject([{ id: rotated!.id, this_machine: true }]);
    expect(await cloud(['bisync'])).toMatchObject({ exitCode: 0 });

    expect(await json(['credentials', 'revoke', '--all', '--yes'])).toHaveLength(1);
    expect(await mine()).toEqual([]);
    const anew = await cloud(['credentials', 'rotate']);
    expect(anew.exitCode, anew.stderr).toBe(0);
    expect(await mine()).toMatchObject([{ this_machine: true }]);
    expect(await cloud(['bisync'])).toMatchObject({ exitCode: 0 });
  });
});

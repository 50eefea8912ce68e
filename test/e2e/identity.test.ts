import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiClient } from '../../src/api/client.ts';
import { openSecretStore } from '../../src/session/secret-store.ts';
import { STORED } from '../../src/session/tokens.ts';
import { approveDevice } from '../support/approve-device.ts';
import { identityClient, PASSWORD } from '../support/identity.ts';
import { runCloud, type CloudRun } from '../support/run-cloud.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { runOnTerminal } from '../support/terminal.ts';
import { openWorkspace, type Workspace } from '../support/workspace.ts';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'] });
  const client = identityClient(server);
  await client.addUser('ada', 'member', { acme: 'editor', other: 'viewer' });
  await client.addUser('grace', 'member', { acme: 'tenant_admin' });
});
afterAll(() => server.close());

interface Person extends Workspace {
  cloud(...args: string[]): Promise<CloudRun>;
  json(...args: string[]): Promise<Record<string, unknown>>;
}

async function newMachine(): Promise<Person> {
  const workspace = await openWorkspace();
  const env = { ...workspace.env, CLOUD_SERVER: server.url };
  const cloud = (...args: string[]) => runCloud(args, { env });
  const json = async (...args: string[]) => {
    const run = await cloud(...args, '--json');
    expect(run.exitCode, run.stderr).toBe(0);
    return JSON.parse(run.stdout) as Record<string, unknown>;
  };
  return { ...workspace, env, cloud, json };
}

async function signedIn(username: string, tenant: string, ...more: string[]): Promise<Person> {
  const machine = await newMachine();
  const args = ['login', '--username', username, '--password-stdin', '--tenant', tenant, ...more];
  const run = await runCloud(args, { env: machine.env, input: `${PASSWORD}\n` });
  expect(run.exitCode, run.stderr).toBe(0);
  return machine;
}

const errorOf = (run: CloudRun) =>
  (JSON.parse(run.stderr.trim().split('\n').at(-1)!) as { error: Record<string, unknown> }).error;

describe('signing in', () => {
  test('by a code that a person approves in a browser, for the tenant they choose', async () => {
    const machine = await newMachine();
    const admin = createApiClient({
      server: server.url,
      token: () => Promise.resolve(server.adminToken),
    });
    const { tenants } = await admin.listTenants();
    const other = tenants.find(({ slug }) => slug === 'other')!;
    const run = execa(process.execPath, [binary, 'login', '--device', '--json'], {
      env: machine.env,
      extendEnv: false,
    });
    run.stdout.once('data', (chunk: Buffer) => {
      const code = JSON.parse(chunk.toString()) as { verification_uri_complete: string };
      void approveDevice(code.verification_uri_complete, {
        username: 'ada',
        tenantId: other.id,
      });
    });
    const { stdout } = await run;
    expect(JSON.parse(stdout.split('\n').at(-1)!)).toMatchObject({
      ...{ type: 'result', context: 'other', account: 'ada', signed_in_by: 'session' },
    });
    expect(await machine.json('whoami')).toMatchObject({
      ...{ account: 'ada', role: 'viewer', kind: 'access_token', scopes: ['mount:read'] },
      ...{ signed_in_by: 'session', credential: { kind: 'session' }, secrets: 'file' },
    });
    const people = await machine.cloud('whoami');
    expect(people.stdout).toMatch(/^Role +viewer$/m);
    expect(people.stdout).toMatch(/^Ends .* unless it is used$/m);
  });

  test('by password: one of several tenants is named, or chosen on a terminal', async () => {
    const machine = await newMachine();
    const args = ['login', '--username', 'ada', '--password-stdin', '--json'];
    const unclear = await runCloud(args, { env: machine.env, input: PASSWORD });
    expect(unclear.exitCode).toBe(2);
    expect(errorOf(unclear)).toMatchObject({
      code: 'tenant-choice-needed',
      details: { tenants: ['acme', 'other'] },
    });
    const run = await runOnTerminal('login --username ada', machine.env, [
      ['Password:', `${PASSWORD}\r`],
      ['Which one?', 'nonsense\r'],
      ['Which one?', '2\r'],
    ]);
    expect(run.exitCode, run.screen).toBe(0);
    expect(run.screen).not.toContain(PASSWORD);
    expect(run.screen).toContain('as ada for other (context other)');
  });

  test.each([
    ['a wrong password', 'ada', 'wrong', 4, 'sign-in-failed'],
    ['an unknown user', 'nobody', PASSWORD, 4, 'sign-in-failed'],
    ['no password', 'ada', '', 2, 'no-password'],
  ])('%s', async (_, username, input, exitCode, code) => {
    const { env } = await newMachine();
    const run = await runCloud(['login', '--username', username, '--password-stdin', '--json'], {
      ...{ env, input },
    });
    expect(run).toMatchObject({ exitCode, stdout: '' });
    expect(errorOf(run)).toMatchObject({ code });
    expect(run.stderr).not.toContain(PASSWORD);
  });

  test('two people on one machine have a context each', async () => {
    const machine = await signedIn('ada', 'acme');
    const args = ['login', '--username', 'grace', '--password-stdin'];
    await runCloud(args, { env: machine.env, input: PASSWORD });
    const contexts = JSON.parse((await machine.cloud('context', 'list', '--json')).stdout) as {
      name: string;
      account: string;
    }[];
    expect(contexts.map(({ account }) => account)).toEqual(['ada', 'grace']);
    await machine.json('context', 'use', 'acme');
    expect(await machine.json('whoami')).toMatchObject({ account: 'ada' });
    const slip = await machine.cloud('context', 'use', 'acne', '--json');
    expect(slip.exitCode).toBe(2);
    expect(slip.stderr).toContain('Did you mean --context acme?');
  });
});

describe('sessions', () => {
  test('ten processes renew at once with one request, and nobody is signed out', async () => {
    const machine = await signedIn('ada', 'acme');
    await openSecretStore(machine.host).deletePassword(STORED.accessToken, 'acme');
    const requests = () => server.logs().split('"route":"/api/v1/auth/token"').length;
    const before = requests();
    const runs = await Promise.all(Array.from({ length: 10 }, () => machine.cloud('whoami')));
    expect(runs.map(({ exitCode }) => exitCode)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(requests() - before).toBe(1);
  }, 120_000);

  test('are listed, and one that is ended elsewhere is out at once', async () => {
    const here = await signedIn('grace', 'acme');
    const there = await signedIn('grace', 'acme');
    const list = JSON.parse((await here.cloud('sessions', 'list', '--json')).stdout) as {
      id: string;
      current: boolean;
    }[];
    const other = list.find(({ current }) => !current)!;
    expect(list.filter(({ current }) => current)).toHaveLength(1);
    const table = await here.cloud('sessions', 'list');
    expect(table.stdout).toContain('this one');
    for (const line of table.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect((await here.cloud('sessions', 'list', '--output', 'tsv')).stdout).toMatch(/^id\t/);

    await here.json('sessions', 'revoke', other.id.slice(0, 8));
    const out = await there.cloud('whoami', '--json');
    expect(out.exitCode).toBe(4);
    expect(errorOf(out)).toMatchObject({ code: 'session-ended' });
    expect(await here.cloud('whoami')).toMatchObject({ exitCode: 0 });

    expect((await here.cloud('sessions', 'revoke', '--all')).exitCode).toBe(2);
    expect(await here.json('sessions', 'revoke', '--all', '--yes')).toMatchObject({
      signed_out: true,
    });
    expect((await here.cloud('whoami')).exitCode).toBe(4);
  });

  test('what is typed wrong is 2, before or after the server is asked', async () => {
    const person = await signedIn('ada', 'acme');
    const lines: [string, string][] = [
      ['sessions revoke', 'which-one'],
      ['sessions revoke x --all', 'which-one'],
      ['sessions revoke ../../admin/users', 'not-found'],
      ['credentials revoke', 'which-one'],
      ['api-keys revoke nothing --yes', 'not-found'],
      ['api-keys add --label x --scope everything', 'invalid-field'],
      ['api-keys add --label=', 'invalid-field'],
      ['api-keys rotate', 'not-found'],
    ];
    for (const [line, code] of lines) {
      const run = await person.cloud(...line.split(' '), '--json');
      expect(run, line).toMatchObject({ exitCode: 2, stdout: '' });
      expect(errorOf(run), line).toMatchObject({ code });
    }
  });
});

describe('API keys', () => {
  test('are made, shown once, used, rotated with an overlap, and ended', async () => {
    const person = await signedIn('grace', 'acme');
    const made = await person.cloud('api-keys', 'add', '--label', 'build', '--scope', 'mount');
    expect(made.exitCode, made.stderr).toBe(0);
    const key = made.stdout.trim();
    expect(key).toMatch(/^cloud_key_/);
    expect(made.stderr).not.toContain(key);

    const list = await person.cloud('api-keys', 'list');
    expect(list.stdout).toContain('build');
    expect(list.stdout + (await person.cloud('api-keys', 'list', '--json')).stdout).not.toContain(
      key,
    );

    const robot = await newMachine();
    await runCloud(['login', '--token-stdin'], { env: robot.env, input: key });
    expect(await robot.json('whoami')).toMatchObject({
      ...{ signed_in_by: 'API key', scopes: ['mount'] },
      credential: { kind: 'api_key', label: 'build' },
    });
    // The one that signs in here: stored, not shown, and the old one still works for a while.
    const rotated = await robot.cloud('api-keys', 'rotate', '--json');
    expect(rotated.exitCode, rotated.stderr).toBe(0);
    expect(rotated.stdout).not.toMatch(/cloud_key_\w+_[\w-]{43}/);
    await openSecretStore(robot.host).deletePassword(STORED.accessToken, 'acme');
    const now = await robot.json('whoami');
    const old = await runCloud(['whoami', '--json'], { env: { ...robot.env, CLOUD_TOKEN: key } });
    expect(JSON.parse(old.stdout)).toMatchObject({ signed_in_by: 'CLOUD_TOKEN' });
    expect((now['credential'] as { id: string }).id).not.toBe(
      (JSON.parse(old.stdout) as { credential: { id: string } }).credential.id,
    );
    const { id } = now['credential'] as { id: string };
    await person.json('api-keys', 'revoke', id, '--yes');
    expect((await robot.cloud('whoami')).exitCode).toBe(4);
  });
});

describe('what programs and people get', () => {
  test('offline every one of them ends with 5 and names the server', async () => {
    const person = await signedIn('ada', 'acme');
    await openSecretStore(person.host).deletePassword(STORED.accessToken, 'acme');
    const config = join(person.host.places.config, 'config.json');
    const text = await readFile(config, 'utf8');
    await writeFile(config, text.replaceAll(server.url, 'http://127.0.0.1:9'));
    delete person.env['CLOUD_SERVER'];
    for (const line of ['whoami', 'sessions list', 'api-keys list', 'credentials list']) {
      const run = await person.cloud(...line.split(' '));
      expect(run, line).toMatchObject({ exitCode: 5, stdout: '' });
      expect(run.stderr).toContain('Cannot reach http://127.0.0.1:9');
    }
    expect(await person.cloud('context', 'list')).toMatchObject({ exitCode: 0 });
    expect(await person.cloud('config', 'list')).toMatchObject({ exitCode: 0 });
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApiClient } from '../../src/api/client.ts';
import { importFile } from '../../src/admin/import.ts';
import type { Imported } from '../../src/admin/import-compare.ts';
import { runCloud, type CloudRun } from '../support/run-cloud.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let cloud: (line: string) => Promise<CloudRun>;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'gone'] });
  const env = {
    PATH: process.env['PATH'],
    CLOUD_HOME: join(server.dataFolder, 'client'),
    CLOUD_SERVER: server.url,
    CLOUD_ADMIN_TOKEN: server.adminToken,
  };
  cloud = (line) => runCloud(line.split(' '), { env, cwd: server.dataFolder });
  expect((await cloud('admin tenant remove gone --yes')).exitCode).toBe(0);
});
afterAll(() => server.close());

async function listed(name: string, lines: readonly (object | string)[]): Promise<string> {
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  await writeFile(join(server.dataFolder, name), text.join('\r\n'));
  return name;
}

const rowsOf = ({ stdout }: CloudRun): Imported[] => JSON.parse(stdout) as Imported[];
const shortOf = (run: CloudRun): unknown[] =>
  rowsOf(run).map(({ line, name, state }) => [line, name, state]);
const everything = async (): Promise<string> =>
  (await cloud('admin tenant list --json')).stdout +
  (await cloud('admin token list --all --output tsv')).stdout.replaceAll(/\t[^\t]*Z\t/g, '\t');

it('makes what is not there, once, and shows each token once', { timeout: 180_000 }, async () => {
  const file = await listed('good.ndjson', [
    { token: { label: 'build', tenant: 'globex', scopes: ['mount:read'], expires_in: 3600 } },
    '',
    { tenant: { slug: 'globex', name: 'Globex', issue_api_key: true } },
    { tenant: { slug: 'acme', name: 'Another name' } },
    { tenant: { slug: 'gone', name: 'Gone' } },
    { token: { label: 'deploy', tenant: null, scopes: ['tenants'] } },
  ]);
  const before = await everything();
  const dry = await cloud(`admin import ${file} --dry-run --json`);
  expect([dry.exitCode, dry.stderr]).toEqual([0, '']);
  expect(shortOf(dry)).toEqual([
    [1, 'build', 'new'],
    [3, 'globex', 'new'],
    [4, 'acme', 'there'],
    [5, 'gone', 'removed'],
    [6, 'deploy', 'new'],
  ]);
  expect(await everything()).toBe(before);

  const made = await cloud(`admin import ${file} --json`);
  expect(made.exitCode, made.stderr).toBe(0);
  const rows = rowsOf(made);
  expect(rows.map(({ state }) => state)).toEqual(['made', 'made', 'there', 'removed', 'made']);
  const [build, globex, , , deploy] = rows;
  expect(build!.token).toMatch(/^cloud_key_\w{12}_/);
  expect(globex!.token).toMatch(/^cloud_key_\w{12}_/);
  expect(deploy!.token).toMatch(/^cloud_adm_\w{12}_/);
  const asked = await fetch(`${server.url}/api/v1/admin/tenants`, {
    headers: { authorization: `Bearer ${deploy!.token!}` },
  });
  expect(asked.status).toBe(200);

  const after = await everything();
  const again = await cloud(`admin import ${file} --output tsv`);
  expect([again.exitCode, again.stderr]).toEqual([0, '\nMade 0; 5 there already.']);
  expect(again.stdout.split('\n').slice(0, 2)).toEqual([
    'line\tkind\tname\ttenant\tstate\tid\ttoken\tpassword',
    `1\ttoken\tbuild\tglobex\tthere\t${build!.id!}\t\t`,
  ]);
  expect(await everything()).toBe(after);
});

it('refuses a file with bad lines whole, and names them', async () => {
  const file = await listed('bad.ndjson', [
    { tenant: { slug: 'fresh', name: 'Fresh' } },
    { tenant: { slug: 'Not A Slug', name: 'x' } },
    '{"tenant":',
    { tenant: { slug: 'login', name: 'Reserved' } },
    { token: { label: 'x', tenant: 'acme', scopes: ['tenants'] } },
    { token: { label: 'x', tenant: 'acme', lifetime: '30d' } },
    { tenants: [] },
    'null',
  ]);
  const before = await everything();
  const run = await cloud(`admin import ${file}`);
  expect([run.exitCode, run.stdout]).toEqual([2, '']);
  expect(run.stderr.split('\n')).toEqual([
    'Error: Nothing was made: 7 lines of bad.ndjson cannot be imported.',
    expect.stringMatching(/^ {2}Line 2: A slug has/),
    expect.stringMatching(/^ {2}Line 3: It is none of/),
    '  Line 4: The slug login is reserved.',
    '  Line 5: A token that is bound to a tenant cannot have tenants.',
    '  Line 6: The lifetime is not possible.',
    expect.stringMatching(/^ {2}Line 7: It is none of/),
    expect.stringMatching(/^ {2}Line 8: It is none of/),
  ]);

  const unknown = await listed('unknown.ndjson', [
    { tenant: { slug: 'fresh', name: 'Fresh' } },
    { token: { label: 'x', tenant: 'nobody' } },
    { token: { label: 'x', tenant: 'gone' } },
    { token: { label: 'x', tenant: 'acme' } },
    { token: { label: 'x', tenant: 'acme' } },
  ]);
  const checked = await cloud(`admin import ${unknown} --json`);
  expect(checked.exitCode).toBe(2);
  expect(JSON.parse(checked.stderr)).toMatchObject({
    error: {
      code: 'import-invalid',
      details: {
        lines: [
          { line: 2, problem: 'There is no tenant nobody, here or at the server.' },
          { line: 3, problem: 'The tenant gone is not active.' },
          { line: 5, problem: 'Line 4 asks for it already.' },
        ],
      },
    },
  });
  expect((await cloud('admin import nowhere.ndjson')).exitCode).toBe(2);
  expect(await everything()).toBe(before);
});

it('prints what was made before the server refused, and goes on the next time', async () => {
  const before = await cloud('admin tenant set acme --max-tokens 2 --json');
  expect(before.exitCode, before.stderr).toBe(0);
  const file = await listed(
    'many.ndjson',
    ['one', 'two', 'three'].map((label) => ({ token: { label, tenant: 'acme' } })),
  );
  const run = await cloud(`admin import ${file} --json`);
  expect(run.exitCode).toBe(1);
  const made = shortOf(run);
  expect(rowsOf(run).every(({ token }) => token !== null)).toBe(true);
  expect(JSON.parse(run.stderr)).toMatchObject({
    error: { code: 'token-limit', details: { line: made.length + 1 } },
  });
  expect(made.length).toBeGreaterThan(0);
  await cloud('admin tenant set acme --max-tokens default');
  const rest = await cloud(`admin import ${file} --json`);
  expect(shortOf(rest)).toEqual(
    [1, 2, 3].map((line, index) => [
      line,
      ['one', 'two', 'three'][index],
      line <= made.length ? 'there' : 'made',
    ]),
  );
});

it('makes users with what they belong to, and shows each password once', async () => {
  const people = [
    {
      user: {
        ...{ username: 'Ada', display_name: 'Ada Lovelace', email: 'ada@example.org' },
        memberships: [
          { tenant: 'initech', role: 'editor' },
          { tenant: 'acme', role: 'viewer' },
        ],
      },
    },
    { user: { username: 'boss', role: 'admin' } },
    { tenant: { slug: 'initech', name: 'Initech' } },
  ];
  const file = await listed('people.ndjson', people);
  const dry = await cloud(`admin import ${file} --dry-run --json`);
  const states = [
    [1, 'ada', 'new'],
    [1, 'ada', 'new'],
    [1, 'ada', 'new'],
    [2, 'boss', 'new'],
    [3, 'initech', 'new'],
  ];
  expect(shortOf(dry), dry.stderr).toEqual(states);
  const before = JSON.parse((await cloud('admin user list --json')).stdout) as unknown[];
  expect(before).toEqual([]);

  const made = await cloud(`admin import ${file} --json`);
  expect(made.exitCode, made.stderr).toBe(0);
  const [ada] = rowsOf(made);
  const signIn = await fetch(`${server.url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'ada', password: ada!.password, tenant: 'initech' }),
  });
  expect(signIn.status).toBe(200);
  const users = JSON.parse((await cloud('admin user list --json')).stdout) as object[];
  expect(users).toMatchObject([
    { username: 'ada', role: 'member', memberships: ['acme:viewer', 'initech:editor'] },
    { username: 'boss', role: 'admin', memberships: [] },
  ]);

  // What is there stays as it is: the role too. What is missing is added.
  await listed('people.ndjson', [
    {
      user: {
        username: 'ada',
        memberships: [
          { tenant: 'acme', role: 'editor' },
          { tenant: 'globex', role: 'editor' },
        ],
      },
    },
  ]);
  const again = await cloud(`admin import ${file}`);
  expect(again.exitCode, again.stderr).toBe(0);
  expect(again.stdout.split('\n')).toEqual([
    'LINE  KIND    NAME  FOR     STATE',
    '   1  user    ada           there',
    '   1  member  ada   acme    there',
    '   1  member  ada   globex  made',
  ]);
  expect((await cloud('admin tenant member list acme --output tsv')).stdout).toContain('viewer');

  await cloud('admin user deactivate ada --yes');
  const bad = await listed('people.ndjson', [
    { user: { username: 'a b' } },
    { user: { username: 'grace', password: 'in plain text' } },
    { user: { username: 'ada', memberships: [{ tenant: 'initech', role: 'editor' }] } },
    { user: { username: 'ada', memberships: [{ tenant: 'acme', role: 'boss' }] } },
    { user: { username: 'boss', memberships: [{ tenant: 'acme', role: 'viewer' }] } },
    {
      user: { username: 'root', role: 'owner', memberships: [{ tenant: 'acme', role: 'viewer' }] },
    },
    { user: { username: 'grace', memberships: [{ tenant: 'nobody', role: 'viewer' }] } },
  ]);
  const refused = await cloud(`admin import ${bad}`);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).not.toContain('in plain text');
  expect(refused.stderr.split('\n').slice(1)).toEqual([
    '  Line 1: A user name has 1 to 64 letters, digits and . _ @ + -.',
    '  Line 2: A password does not stand in a list: one is made and shown once.',
    '  Line 4: A membership is {"tenant":SLUG,"role":…}: tenant_admin, editor or viewer.',
    '  Line 6: An owner or admin of the server is a member of no tenant.',
  ]);

  const later = await listed('people.ndjson', [
    { user: { username: 'ada', memberships: [{ tenant: 'initech', role: 'viewer' }] } },
    { user: { username: 'boss', memberships: [{ tenant: 'acme', role: 'viewer' }] } },
    { user: { username: 'grace', memberships: [{ tenant: 'nobody', role: 'viewer' }] } },
    { user: { username: 'ada', memberships: [{ tenant: 'umbrella', role: 'viewer' }] } },
    { tenant: { slug: 'umbrella', name: 'Umbrella' } },
  ]);
  const impossible = await cloud(`admin import ${later}`);
  expect(impossible.stderr.split('\n').slice(1)).toEqual([
    '  Line 2: boss is admin of the server, and no member.',
    '  Line 3: There is no tenant nobody, here or at the server.',
    '  Line 4: Line 1 asks for it already.',
    '  Line 4: The user ada is deactivated.',
  ]);
});

it('interrupted, has the secret of each thing that it made', async () => {
  const slugs = ['cut-one', 'cut-two'];
  const file = await listed(
    'cut.ndjson',
    slugs.map((slug) => ({ tenant: { slug, name: 'Cut', issue_api_key: true } })),
  );
  const stop = new AbortController();
  const token = () => Promise.resolve(server.adminToken);
  const reads = createApiClient({ server: server.url, token, signal: stop.signal });
  const writes = createApiClient({ server: server.url, token });
  const making: typeof writes.createTenant = (body) => {
    const made = writes.createTenant(body);
    stop.abort(new Error('Ctrl-C'));
    return made;
  };
  const { rows, failure } = await importFile(
    { reads, writes: { ...writes, createTenant: making } },
    join(server.dataFolder, file),
    { dryRun: false, signal: stop.signal },
  );
  expect(failure?.message).toBe('Ctrl-C');
  expect(rows).toMatchObject([{ name: 'cut-one', state: 'made' }]);
  expect(rows[0]?.token).toMatch(/^cloud_key_/);
  const { tenants } = await createApiClient({ server: server.url, token }).listTenants();
  expect(tenants.map(({ slug }) => slug).filter((slug) => slugs.includes(slug))).toEqual([
    'cut-one',
  ]);
});

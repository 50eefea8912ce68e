import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCloud, type CloudRun } from '../support/run-cloud.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let cloud: (line: string, input?: string) => Promise<CloudRun>;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
  const env = {
    PATH: process.env['PATH'],
    CLOUD_HOME: join(server.dataFolder, 'client'),
    CLOUD_SERVER: server.url,
    CLOUD_ADMIN_TOKEN: server.adminToken,
  };
  cloud = (line, input) =>
    runCloud(line.split(' '), { env, ...(input === undefined ? {} : { input }) });
});
afterAll(() => server.close());

const code = ({ stderr }: CloudRun): string =>
  (JSON.parse(stderr) as { error: { code: string } }).error.code;

it('a user is added, works in a tenant, and is shut out, by commands alone', async () => {
  const added = await cloud('admin user add ada --email ada@example.org');
  expect(added.exitCode).toBe(0);
  // The password alone is on stdout, and nowhere else.
  expect(added.stdout).toMatch(/^[a-z-]{24}$/);
  expect(added.stderr).not.toContain(added.stdout);
  const given = await cloud('admin user add bob --password-stdin --json', 'a long enough secret\n');
  expect(JSON.parse(given.stdout)).toMatchObject({ username: 'bob', memberships: [] });
  expect(given.stdout + given.stderr).not.toContain('a long enough secret');

  expect((await cloud('admin tenant member add acme ada --role editor')).stdout).toBe(
    'ada is editor in acme from now on.',
  );
  const again = await cloud('admin tenant member add acme ada --role viewer --json');
  expect([again.exitCode, code(again)]).toEqual([1, 'already-member']);
  const listed = (await cloud('admin user list --output tsv')).stdout.split('\n');
  expect(listed[0]).toBe(
    'id\tusername\tdisplay_name\temail\trole\tstatus\tmemberships\tcreated_at\tlast_sign_in_at',
  );
  expect(listed[1]).toMatch(
    /\tada\t\tada@example\.org\tmember\tactive\tacme:editor\t\d{4}-[\d-]+T[\d:.]+Z\t$/,
  );
  const json = JSON.parse((await cloud('admin user list --json')).stdout) as object[];
  expect(Object.keys(json[0]!).join('\t')).toBe(listed[0]);

  const typo = await cloud('admin tenant member remove acme adda --yes --json');
  expect([typo.exitCode, code(typo)]).toEqual([2, 'not-found']);
  expect((await cloud('admin tenant member remove acme ada')).exitCode).toBe(2);
  expect((await cloud('admin tenant member remove acme ada --yes')).exitCode).toBe(0);
  expect((await cloud('admin tenant member list acme --json')).stdout).toBe('[]');

  const off = await cloud('admin user deactivate ada --yes --json');
  expect(JSON.parse(off.stdout)).toMatchObject({ username: 'ada', status: 'deactivated' });
  const reset = await cloud('admin user reset-password ada --json');
  expect(JSON.parse(reset.stdout)).toMatchObject({ username: 'ada' });
  expect(reset.stdout).toMatch(/"password": "[a-z-]{24}"/);
});

it.each([
  ['admin user add Ada', 1, 'username-taken'],
  ['admin user add a/b', 1, 'invalid-field'],
  ['admin user add eve --email nonsense', 2, 'invalid-field'],
  ['admin user add eve --role god', 2, 'usage'],
  ['admin user add eve --ask-password', 2, 'no-password'],
  ['admin user add eve --password secret', 2, 'usage'],
  ['admin user set ada', 2, 'usage'],
  ['admin user show ../tenants', 1, 'user-not-found'],
  ['admin tenant member add none ada --role viewer', 1, 'tenant-not-found'],
  ['admin tenant member add acme none --role viewer', 1, 'user-not-found'],
  ['admin tenant member add acme ada', 2, 'usage'],
])('%s ends with %i', async (line, exitCode, expected) => {
  const run = await cloud(`${line} --json`);
  expect([run.exitCode, code(run), run.stdout]).toEqual([exitCode, expected, '']);
});

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { updateConfiguration } from '../../../src/session/configuration.ts';
import { mountTest, openMountUser, until } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['events'] });
});
afterAll(() => server.close());

mountTest('a change made elsewhere shows by its event, long before the time is up', async () => {
  const user = await openMountUser(server, 'events');
  // Within this test only an event can make anything show.
  await updateConfiguration(user.host, (configuration) => {
    configuration.profiles = { mount: { hourly: { extends: 'fast', freshnessSeconds: 3600 } } };
  });
  await user.bucket.put('a/one.md', 'one');
  await user.mount('--profile', 'hourly');
  const at = (name: string): string => join(user.folder, name);
  expect(await readdir(at('a'))).toEqual(['one.md']);
  expect(await user.status()).toMatchObject({ profile: 'hourly', freshnessSeconds: 3600 });
  // The first event shows that the storage tells.
  await writeFile(at('mine.md'), 'mine');
  await until(async () => (await user.status()).freshness === 'events');
  await user.bucket.put('a/two.md', 'two');
  await until(async () => (await readdir(at('a'))).includes('two.md'));
  await user.bucket.put('a/one.md', 'one, changed elsewhere');
  await until(async () => (await readFile(at('a/one.md'), 'utf8')) === 'one, changed elsewhere');
  await user.bucket.put('new/deep/three.md', 'three');
  await until(async () => (await readdir(user.folder)).includes('new'));
  await until(async () => (await readdir(at('new/deep'))).includes('three.md'));
  await user.bucket.remove('a/two.md');
  await until(async () => !(await readdir(at('a'))).includes('two.md'));
  await mkdir(at('local'));
  expect((await user.cloud('mount-status')).stdout).toContain('by events');
  await user.json('unmount');
});

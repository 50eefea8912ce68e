import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { updateConfiguration } from '../../../src/session/configuration.ts';
import { available } from '../../support/available.ts';
import { startBrokenNetwork } from '../../support/broken-network.ts';
import { mountTest, openMountUser, until } from '../../support/mount-user.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['told', 'works-events', 'works-seconds'] });
});
afterAll(() => server.close());

mountTest('a change made elsewhere shows by its event, long before the time is up', async () => {
  const user = await openMountUser(server, 'told');
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

/** A shell that stays in a folder and answers one command after the other. */
function shellIn(folder: string, env: NodeJS.ProcessEnv): (command: string) => Promise<string> {
  const shell = execa('sh', { env, extendEnv: false, all: true, buffer: false, reject: false });
  onTestFinished(async () => {
    shell.stdin.end();
    await shell;
  });
  const lines = createInterface({ input: shell.all })[Symbol.asyncIterator]();
  const ask = async (command: string): Promise<string> => {
    shell.stdin.write(`${command}\necho "end of it $?"\n`);
    const said: string[] = [];
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true || /^end of it [1-9]/.test(value)) throw new Error(said.join('\n'));
      if (value === 'end of it 0') return said.join('\n');
      said.push(value);
    }
  };
  const ready = ask(`cd '${folder}'`);
  return async (command) => {
    await ready;
    return ask(command);
  };
}

for (const by of ['events', 'seconds'] as const) {
  mountTest(`programs keep their folder and their file while listings change (${by})`, async () => {
    const network = await startBrokenNetwork(server.url);
    const user = await openMountUser({ ...server, url: network.url }, `works-${by}`);
    await updateConfiguration(user.host, (configuration) => {
      configuration.profiles = { mount: { quick: { extends: 'fast', freshnessSeconds: 1 } } };
    });
    // Nobody tells of changes while the server is not reached; the storage is.
    if (by === 'seconds') network.set('refuse');
    await user.mount('--profile', 'quick');
    const at = (name: string): string => join(user.folder, name);
    await mkdir(at('repository/src'), { recursive: true });
    const git = { ...user.env, GIT_CONFIG_NOSYSTEM: '1' };
    const shell = shellIn(at('repository/src'), git);
    await shell('git init -q .. && echo mine > mine.md && git add mine.md');
    await until(async () => (await user.status()).pending.files.length === 0);
    if (by === 'events') await until(async () => (await user.status()).freshness === 'events');
    for (const round of ['one', 'two', 'three']) {
      await user.bucket.put(`repository/${round}.md`, round);
      await until(async () => (await readdir(at('repository'))).includes(`${round}.md`));
      expect(await shell('git status --porcelain')).toContain(`?? ${round}.md`);
      expect(await shell('/bin/pwd')).toBe(at('repository/src'));
      // Whatever it was that changed: everything may have.
      const authorization = `Bearer ${server.apiKeyOf(`works-${by}`)}`;
      const asked = await fetch(`${server.url}/tenant/sync`, {
        ...{ method: 'POST', headers: { authorization } },
      });
      expect(asked.ok).toBe(true);
    }
    expect((await user.status()).freshness).toBe(by);
    if (available('vim.tiny')) {
      const save = `-c '$s/$/ +/' -c w`;
      const vim = `vim.tiny -u NONE -es ${save} -c 'sleep 1500m' ${save} -c q mine.md`;
      await shell(vim);
      expect(await readFile(at('repository/src/mine.md'), 'utf8')).toBe('mine + +\n');
    }
    network.set('pass');
    await shell('cd /');
    await user.json('unmount');
  });
}

import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { execa } from 'execa';
import { approveDevice } from '../support/approve-device.ts';
import { identityClient } from '../support/identity.ts';
import { realRclone } from '../support/rclone.ts';
import { runCloud } from '../support/run-cloud.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { runOnTerminal } from '../support/terminal.ts';
import { openWorkspace, type Workspace } from '../support/workspace.ts';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
  await identityClient(server).addUser('ada', 'member', { acme: 'editor' });
});
afterAll(() => server.close());

async function newUser(): Promise<Workspace> {
  const user = await openWorkspace();
  user.env['CLOUD_RCLONE'] = (await realRclone()).path;
  return user;
}

test('on a terminal everything is asked: mode, server, and a sign-in by a code', async () => {
  const user = await newUser();
  const folder = join(user.root, 'home', 'Cloud', 'acme');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'note.md'), 'from before');
  const run = await runOnTerminal('setup --no-browser', user.env, [
    ['Your choice', '9\r'],
    ['Your choice', '2\r'],
    ['Address of the server', 'not an address\r'],
    ['Address of the server', `${server.url}\r`],
    [
      /With the code in it: (\S+)/,
      async (screen) => {
        const [, address = ''] = /With the code in it: (\S+)/.exec(screen) ?? [];
        await approveDevice(address, { username: 'ada' });
        return '';
      },
    ],
    ['Go on?', 'y\r'],
    ['Keep the folder in sync now', 'n\r'],
  ]);
  expect(run.exitCode, run.screen).toBe(0);
  expect(run.screen).toContain('Ready.');
  const status = await runCloud(['whoami', '--json'], { env: user.env });
  expect(JSON.parse(status.stdout)).toMatchObject({ account: 'ada', signed_in_by: 'session' });
  // Run again, nobody has to sign in: the one question is the mode, with what was chosen.
  const again = await runOnTerminal('setup', user.env, [
    ['Your choice [2]', '\r'],
    ['Keep the folder in sync now', 'n\r'],
  ]);
  expect(again.exitCode, again.screen).toBe(0);
  expect(again.screen).not.toContain('With the code in it');
  expect(await readFile(join(folder, 'note.md'), 'utf8')).toBe('from before');
}, 100_000);

/** The server behind a proxy that hangs up from the first request on that matches. */
async function breakingAt(pattern: RegExp): Promise<{ url: string; mend: () => void }> {
  let broken: RegExp | undefined = pattern;
  const proxy = createServer((request, response) => {
    if (broken?.test(`${request.method} ${request.url}`) === true) {
      request.socket.destroy();
      return;
    }
    const { hostname, port } = new URL(server.url);
    const { method, url: path, headers } = request;
    const onward = forward({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    mend: () => {
      broken = undefined;
    },
  };
}

describe('the network is gone', () => {
  test('at the keys: 5, what was done is named, and run again it goes on', async () => {
    const user = await newUser();
    const network = await breakingAt(/mount\/credentials/);
    const args = ['setup', '--mode', 'bisync', '--server', network.url, '--token-stdin'];
    const cut = await runCloud(args, { env: user.env, input: server.apiKeyOf('acme') });
    expect(cut.exitCode, cut.stderr).toBe(5);
    expect(cut.stderr).toContain('Done so far: Find rclone, Sign in.');
    network.mend();
    const again = await runCloud(['setup', '--mode', 'bisync'], { env: user.env });
    expect(again.exitCode, again.stderr).toBe(0);
  });

  test.each([
    ['at the comparison', true, '"step":"compare","state":"failed"'],
    ['at the start', false, '"step":"start","state":"failed"'],
  ])(
    '%s: 5, nothing of the folder is touched, and it goes on',
    async (_, holdsFiles, step) => {
      const own = await startTestServer({ tenants: ['acme'] });
      onTestFinished(() => own.close());
      const user = await newUser();
      const folder = join(user.root, 'home', 'Cloud', 'acme');
      const args = ['setup', '--mode', 'bisync', '--server', own.url, '--token-stdin', '--yes'];
      if (holdsFiles) {
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, 'mine.md'), 'mine');
      }
      const running = execa(process.execPath, [binary, ...args, '--json'], {
        ...{ env: user.env, extendEnv: false, reject: false },
        input: own.apiKeyOf('acme'),
      });
      running.stdout.on('data', (chunk: Buffer) => {
        if (!chunk.toString().includes('"step":"credentials","state":"done"')) return;
        own.objectStore.faults.set({ cutRate: 1, cutAt: ['before'] });
      });
      const cut = await running;
      expect(cut.exitCode, cut.stderr).toBe(5);
      expect(cut.stdout).toContain(step);
      own.objectStore.faults.clear();
      const again = await runCloud(['setup', '--mode', 'bisync', '--yes'], { env: user.env });
      expect(again.exitCode, again.stderr).toBe(0);
      if (holdsFiles) expect(await readFile(join(folder, 'mine.md'), 'utf8')).toBe('mine');
    },
    120_000,
  );
});

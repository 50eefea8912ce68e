import { fileURLToPath } from 'node:url';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { execa } from 'execa';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

interface Run {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A new user's machine in a temporary folder, and the command line on it. */
export interface Stage {
  env: { HOME: string; CLOUD_HOME: string };
  folders: { sync: string; mount: string };
  say(title: string): void;
  /** Runs `cloud` and shows command and output; throws when it does not end with 0. */
  cloud(
    args: string[],
    options?: { env?: NodeJS.ProcessEnv; input?: string; secret?: boolean },
  ): Promise<Run>;
  startServer(): Promise<{ url: string; adminTokenFile: string }>;
  explainKept(): void;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), 'cloud-demo-'));
  const env = { HOME: join(root, 'home'), CLOUD_HOME: join(root, 'home', '.cloud') };
  const folders = {
    sync: join(env.HOME, 'Cloud', 'demo'),
    mount: join(env.HOME, 'CloudMount', 'demo'),
  };
  const childEnv = {
    ...env,
    PATH: process.env['PATH'],
    LANG: 'C.UTF-8',
    // A temporary home has no keychain of its own; a person on a desktop leaves this out.
    CLOUD_INSECURE_STORAGE: '1',
  };
  let server: ChildProcessByStdio<null, Readable, null> | undefined;
  let serverUrl = '';

  const cloud: Stage['cloud'] = async (args, { env: extra = {}, input, secret = false } = {}) => {
    const before = Object.keys(extra)
      .map((name) => `${name}=… `)
      .join('');
    console.log(`\n$ ${before}cloud ${args.join(' ')}${input === undefined ? '' : ' < key.txt'}`);
    const run = await execa(process.execPath, [binary, ...args], {
      env: { ...childEnv, ...extra },
      extendEnv: false,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
      reject: false,
    });
    for (const text of [run.stderr, secret ? '(the key, shown once)' : run.stdout]) {
      if (text !== '') console.log(text.replace(/^/gm, '  '));
    }
    if (run.exitCode !== 0)
      throw new Error(`cloud ${args[0] ?? ''} ended with ${run.exitCode ?? 'a signal'}`);
    return { exitCode: run.exitCode, stdout: run.stdout, stderr: run.stderr };
  };

  return {
    env,
    folders,
    cloud,
    say: (title) => console.log(`\n── ${title} ──`),
    startServer: async () => {
      const args = ['server', 'start', '--port', '0', '--data', join(root, 'server'), '--json'];
      console.log(`\n$ cloud ${args.slice(0, 2).join(' ')} &`);
      const log = openSync(join(root, 'server.log'), 'w', 0o600);
      const child = spawn(process.execPath, [binary, ...args], {
        env: childEnv,
        stdio: ['ignore', 'pipe', log],
      }) as ChildProcessByStdio<null, Readable, null>;
      closeSync(log);
      server = child;
      for await (const line of createInterface({ input: child.stdout })) {
        const event = JSON.parse(line) as Record<string, string>;
        if (event['type'] !== 'listening') continue;
        // Whatever it says later must not fill the pipe.
        child.stdout.resume();
        serverUrl = event['url'] ?? '';
        return { url: serverUrl, adminTokenFile: event['admin_token_file'] ?? '' };
      }
      throw new Error('the server ended before it listened');
    },
    explainKept: () => {
      const set = Object.entries({ ...env, CLOUD_INSECURE_STORAGE: '1' }).map(
        ([name, value]) => `export ${name}=${value}`,
      );
      console.log(`\nLeft running: the server ${serverUrl} (process ${server?.pid ?? '?'}).
To go on exploring:
  ${set.join('\n  ')}
  node ${binary} whoami
  ls ${folders.sync}
Its log: ${join(root, 'server.log')}
To end it: kill ${server?.pid ?? '?'} and remove ${root}`);
    },
    close: async () => {
      await execa(process.execPath, [binary, 'unmount', '--force', '--quiet'], {
        env: childEnv,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      });
      if (server?.exitCode === null) {
        server.kill('SIGTERM');
        await once(server, 'exit');
      }
      await rm(root, { recursive: true, force: true });
    },
  };
}

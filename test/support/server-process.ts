import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { freePort } from './free-port.ts';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface ServerProcess {
  /** Where it listens, whatever its public address is. */
  url: string;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  stderr(): string;
}

/** `cloud server start` of the built binary, once it listens. */
export async function startServerProcess(env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const port = String(await freePort());
  const child = spawn(process.execPath, [binary, 'server', 'start', '--json', '--port', port], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => {
      throw new Error(`the server ended: ${stderr}`);
    }),
  ]);
  return {
    url: `http://127.0.0.1:${port}`,
    end: async (signal) => {
      child.kill(signal);
      return (await exited)[0];
    },
    stderr: () => stderr,
  };
}

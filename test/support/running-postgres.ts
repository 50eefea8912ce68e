import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('postgres-process.ts', import.meta.url));

export interface RunningPostgres extends AsyncDisposable {
  /** Of its first, empty database. */
  url: string;
  /** As an operator stops and starts the database, with its data. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/**
 * A PostgreSQL of its own on a free port of loopback. It goes when this process goes.
 *
 * @param durable as an operator runs it; tests can do without what a power cut leaves
 */
export async function startPostgres({ durable = false } = {}): Promise<RunningPostgres> {
  // Not in our group: Ctrl-C is for us, and it tidies up when its standard input ends.
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', SCRIPT], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
    env: { ...process.env, ...(durable ? { CLOUD_TEST_DURABLE: '1' } : {}) },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('PostgreSQL did not start');
    return value;
  };
  const order = async (what: 'stop' | 'start'): Promise<void> => {
    child.stdin.write(`${what}\n`);
    await read();
  };
  const address = await read();
  return {
    url: `${address}/postgres`,
    stop: () => order('stop'),
    start: () => order('start'),
    [Symbol.asyncDispose]: async () => {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
}

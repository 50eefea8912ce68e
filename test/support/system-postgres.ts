import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { freePort } from './free-port.ts';

/** The PostgreSQL of the system, which brings the tools that go with it. */
export interface SystemPostgres {
  /** Address of one of its databases. */
  urlOf(database: string): string;
  /** Runs one of its programs. @returns what it printed */
  run(program: string, ...args: string[]): string;
}

function folderOfPrograms(): string {
  const find = 'ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1';
  return execFileSync('sh', ['-c', find], { encoding: 'utf8' }).trim();
}

/** It does not run as root, but as the user that its package made. */
function user(): { uid?: number; gid?: number } {
  if (userInfo().uid !== 0) return {};
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** Starts one on a free port of loopback, for the length of a test. */
export async function startSystemPostgres(): Promise<SystemPostgres> {
  const programs = folderOfPrograms();
  const owner = user();
  const folder = await mkdtemp(join(tmpdir(), 'cloud-system-postgres-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  if (owner.uid !== undefined) await chown(folder, owner.uid, owner.gid!);
  const data = join(folder, 'data');
  const as = { ...owner, cwd: folder, encoding: 'utf8' } as const;
  const initdb = ['--username=cloud', '--auth=trust', '--no-sync', '--encoding=UTF8', data];
  execFileSync(join(programs, 'initdb'), initdb, as);
  const port = `${await freePort()}`;
  const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='];
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-p', port, '-c', 'fsync=off', ...settings],
    { ...owner, cwd: folder, stdio: 'ignore' },
  );
  const ended = once(server, 'exit');
  onTestFinished(async () => {
    server.kill('SIGINT');
    await ended;
  });
  const at = { ...process.env, PGHOST: '127.0.0.1', PGPORT: port, PGUSER: 'cloud' };
  const run = (program: string, ...args: string[]): string =>
    execFileSync(join(programs, program), args, { env: at, encoding: 'utf8' });
  for (let tries = 0; ; tries += 1) {
    try {
      run('pg_isready', '--quiet');
      break;
    } catch (error) {
      if (tries > 600 || server.exitCode !== null) throw error;
      await pause(100);
    }
  }
  return { run, urlOf: (database) => `postgres://cloud@127.0.0.1:${port}/${database}` };
}

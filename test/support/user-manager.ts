import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { available } from './available.ts';

const SYSTEMD = '/lib/systemd/systemd';

/** Whether a manager of systemd for one user can be run here; says why not. */
export function canRunUserManager(): boolean {
  if (!available('systemctl') || !existsSync(SYSTEMD)) return false;
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log(
      'skipped: no mount namespace for a systemd of our own (needs root or CAP_SYS_ADMIN)',
    );
    return false;
  }
}

/**
 * A real systemd of one user, in a mount namespace of its own: a user's manager refuses to start on a
 * machine that was not booted by systemd, which it sees by a folder in /run. It ends with the test.
 *
 * @returns the environment with which it is found, and its pid: what it mounts is seen in its namespace only
 */
export async function startUserManager(
  env: NodeJS.ProcessEnv,
): Promise<{ env: NodeJS.ProcessEnv; pid: number }> {
  // A socket's path may have 107 bytes.
  const runtime = await mkdtemp(join(tmpdir(), 'xdg-'));
  await chmod(runtime, 0o700);
  await mkdir(env['HOME'] ?? '', { recursive: true });
  const managed = { ...env, XDG_RUNTIME_DIR: runtime };
  const script = `mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/system && exec ${SYSTEMD} --user`;
  const manager = spawn('unshare', ['--mount', 'sh', '-c', script], {
    env: managed,
    stdio: 'ignore',
  });
  onTestFinished(async () => {
    const gone = once(manager, 'exit');
    // It ends its services first.
    manager.kill('SIGTERM');
    const late = setTimeout(() => manager.kill('SIGKILL'), 20_000);
    await gone;
    clearTimeout(late);
    await rm(runtime, { recursive: true, force: true });
  });
  while (!existsSync(join(runtime, 'systemd', 'private'))) {
    if (manager.exitCode !== null) throw new Error(`systemd ended with ${manager.exitCode}`);
    await delay(50);
  }
  return { env: managed, pid: manager.pid! };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import type { Host } from '../../src/platform/host.ts';
import { resolvePlaces } from '../../src/platform/places.ts';

export interface Workspace {
  root: string;
  host: Host;
  /** For child processes: HOME and CLOUD_HOME inside `root`, nothing of this machine's settings. */
  env: NodeJS.ProcessEnv;
}

/** A temporary home for one test, removed when the test ends. */
export async function openWorkspace(): Promise<Workspace> {
  const root = await mkdtemp(join(tmpdir(), 'cloud-test-'));
  onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));
  const env: NodeJS.ProcessEnv = {
    PATH: process.env['PATH'],
    HOME: join(root, 'home'),
    CLOUD_HOME: join(root, 'cloud'),
    CLOUD_INSECURE_STORAGE: '1',
    LANG: 'C.UTF-8',
  };
  const places = resolvePlaces(env, process.platform, join(root, 'home'));
  return { root, env, host: { env, platform: process.platform, places, clock: systemClock } };
}

import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installRclone } from '../../src/rclone/install/install.ts';
import type { Rclone } from '../../src/rclone/rclone.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Host } from '../../src/platform/host.ts';
import { resolvePlaces } from '../../src/platform/places.ts';

/** Shared by every test process; below node_modules, so that it outlives a run. */
function sharedHost(): Host {
  const home = fileURLToPath(new URL('../../node_modules/.cache/cloud-test', import.meta.url));
  const proxies = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name));
  const env = {
    ...Object.fromEntries(proxies),
    PATH: process.env['PATH'],
    HOME: home,
    CLOUD_HOME: home,
  };
  const places = resolvePlaces(env, process.platform, home);
  return { env, platform: process.platform, places, clock: systemClock };
}

/**
 * A real rclone for tests: the machine's own where it is suitable, else one installed the way the
 * product does it, once.
 */
export async function realRclone(): Promise<Rclone> {
  return (await installRclone({}, sharedHost(), () => undefined)).rclone;
}

/** Lets `host` know the real rclone already, to save a test the half second of probing it. */
export async function rememberRealRclone(host: Host): Promise<void> {
  await mkdir(host.places.state, { recursive: true, mode: 0o700 });
  const name = 'rclone-probe.json';
  await copyFile(join(sharedHost().places.state, name), join(host.places.state, name));
}

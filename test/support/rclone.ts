import { fileURLToPath } from 'node:url';
import { installRclone } from '../../src/rclone/install/install.ts';
import type { Rclone } from '../../src/rclone/rclone.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { resolvePlaces } from '../../src/platform/places.ts';

/**
 * A real rclone for tests: the machine's own where it is suitable, else one installed the way the
 * product does it, once, below node_modules; every test process shares it.
 */
export async function realRclone(): Promise<Rclone> {
  const home = fileURLToPath(new URL('../../node_modules/.cache/cloud-test', import.meta.url));
  const proxies = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name));
  const env = {
    ...Object.fromEntries(proxies),
    PATH: process.env['PATH'],
    HOME: home,
    CLOUD_HOME: home,
  };
  const host = {
    env,
    platform: process.platform,
    places: resolvePlaces(env, process.platform, home),
    clock: systemClock,
  };
  return (await installRclone({}, host, () => undefined)).rclone;
}

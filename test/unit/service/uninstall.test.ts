import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import type { Host } from '../../../src/platform/host.ts';
import { resolvePlaces } from '../../../src/platform/places.ts';
import { uninstallService } from '../../../src/service/change-service.ts';
import { systemd } from '../../../src/service/systemd.ts';

test('without a manager what is not installed is nothing to do, and what is stays', async () => {
  const home = await mkdtemp(join(tmpdir(), 'cloud-uninstall-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  const places = resolvePlaces({}, 'linux', home);
  const host: Host = { platform: 'linux', env: {}, places, clock: systemClock };
  const words = 'Failed to connect to bus: No medium found';
  const manager = systemd(host, () => Promise.resolve({ exitCode: 1, stdout: '', stderr: words }));
  const uninstall = () => uninstallService({ kind: 'mount', context: 'acme' }, host, manager);
  expect(await uninstall()).toMatchObject({ kind: 'mount', context: 'acme', changed: false });

  const definition = manager.definitionPath('mount-acme');
  await mkdir(dirname(definition), { recursive: true });
  await writeFile(definition, '[Unit]\n');
  await expect(uninstall()).rejects.toMatchObject({ code: 'no-service-manager', exitCode: 78 });
  expect(existsSync(definition)).toBe(true);
});

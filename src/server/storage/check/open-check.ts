import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../platform/clock.ts';
import type { ServerSettings } from '../../settings.ts';
import { openStorage } from '../open-storage.ts';
import { openEar } from './ear.ts';
import type { StepDeps } from './step.ts';

export interface OpenedCheck extends StepDeps {
  /** Null for the storage in this program, of which a new one is tried. */
  s3Endpoint: string | null;
  close(): Promise<void>;
}

/**
 * The storage of the settings, to be checked. Of the embedded one a new, empty one is started beside
 * whatever is there: a server that runs is left alone.
 */
export async function openCheck(settings: ServerSettings, clock: Clock): Promise<OpenedCheck> {
  const listen = () => openEar(settings);
  if (settings.storage.kind === 'external') {
    const { provider: storage } = await openStorage(settings, Buffer.alloc(0), clock);
    return {
      ...{ storage, clock, s3Endpoint: settings.storage.s3Endpoint, listen },
      close: () => Promise.resolve(),
    };
  }
  await using opened = new AsyncDisposableStack();
  const dataFolder = await mkdtemp(join(tmpdir(), 'cloud-check-'));
  opened.defer(() => rm(dataFolder, { recursive: true, force: true }));
  const storage = { ...settings.storage, port: 0 };
  const handle = await openStorage({ ...settings, dataFolder, storage }, randomBytes(32), clock);
  opened.defer(() => handle.close());
  const running = opened.move();
  return {
    ...{ storage: handle.provider, clock, s3Endpoint: null, listen },
    close: () => running.disposeAsync(),
  };
}

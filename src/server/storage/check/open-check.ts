import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../platform/clock.ts';
import type { ServerSettings } from '../../settings.ts';
import { openStorage } from '../open-storage.ts';
import type { StepDeps } from './steps.ts';

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
  const token = randomBytes(24).toString('base64url');
  if (settings.storage.kind === 'external') {
    const { provider: storage } = await openStorage(settings, Buffer.alloc(0), clock);
    const { publicUrl } = settings;
    return {
      ...{ storage, clock, s3Endpoint: settings.storage.s3Endpoint, heard: undefined },
      webhook:
        publicUrl === undefined
          ? undefined
          : { url: `${publicUrl}/webhooks/tigris/${randomUUID()}`, token },
      close: () => Promise.resolve(),
    };
  }
  await using opened = new AsyncDisposableStack();
  const dataFolder = await mkdtemp(join(tmpdir(), 'cloud-check-'));
  opened.defer(() => rm(dataFolder, { recursive: true, force: true }));
  const storage = { ...settings.storage, port: 0 };
  const handle = await openStorage({ ...settings, dataFolder, storage }, randomBytes(32), clock);
  opened.defer(() => handle.close());
  const listener = createServer((_request, response) => void response.writeHead(204).end());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  opened.defer(() => stop(listener));
  const running = opened.move();
  const { port } = listener.address() as AddressInfo;
  return {
    ...{ storage: handle.provider, clock, s3Endpoint: null },
    webhook: { url: `http://127.0.0.1:${port}/`, token },
    heard: () => once(listener, 'request'),
    close: () => running.disposeAsync(),
  };
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

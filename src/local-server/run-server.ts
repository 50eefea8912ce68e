import type { Host } from '../platform/host.ts';
import { startServer } from '../server/listen.ts';
import { readSettings, type LogLevel, type SettingOverrides } from '../server/settings.ts';
import { asAbortError } from './start-error.ts';

export interface RunServerOptions extends SettingOverrides {
  version: string;
  /** When the environment says nothing. */
  defaultLogLevel: LogLevel;
  logStream: NodeJS.WritableStream;
  signal: AbortSignal;
}

/** What a started server says of itself. */
export interface Listening {
  url: string;
  storage_url: string;
  data_folder: string;
  /** Null when the operator chose the first token. */
  admin_token_file: string | null;
}

/**
 * Runs a server in this process until `signal`, then stops it: running requests are answered first.
 *
 * @throws AbortError when it cannot start; LockHeldError when one runs in the same data folder
 */
export async function runServer(
  host: Host,
  options: RunServerOptions,
  onListening: (listening: Listening) => void,
): Promise<void> {
  const { version, logStream, signal, defaultLogLevel, ...overrides } = options;
  let server: Awaited<ReturnType<typeof startServer>>;
  try {
    const settings = await readSettings(host, overrides);
    settings.logLevel ??= defaultLogLevel;
    server = await startServer({ settings, version, logStream, clock: host.clock });
  } catch (error) {
    throw asAbortError(error);
  }
  try {
    onListening({
      url: server.url,
      storage_url: server.storageUrl,
      data_folder: server.dataFolder,
      admin_token_file: server.adminTokenFile,
    });
    await aborted(signal);
  } finally {
    await server.close();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

import { readFile } from 'node:fs/promises';
import { createApiClient, type ApiClient } from '../api/client.ts';
import { adminTokenFile, defaultServerFolder } from '../api/contract/local-server.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import { readTextIfExists } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { DEFAULT_SERVER, resolveServer, type SessionFlags } from '../session/settings.ts';

/**
 * A client that administers the server which flags, environment or context name.
 *
 * @throws AbortError `admin-token-needed` (4) when no admin token is to be found
 */
export async function openAdminClient(
  host: Host,
  flags: SessionFlags,
  signal: AbortSignal,
): Promise<ApiClient> {
  const { url } = await resolveServer(host, flags);
  const token = await readAdminToken(host, url);
  registerSecret(token);
  return createApiClient({ server: url, token: () => Promise.resolve(token), signal });
}

/** Environment, the file it names, or the file of this machine's own server; never a flag. */
async function readAdminToken(host: Host, server: string): Promise<string> {
  const { env } = host;
  const given = env['CLOUD_ADMIN_TOKEN']?.trim() ?? '';
  if (given !== '') return given;
  const path = env['CLOUD_ADMIN_TOKEN_FILE'] ?? '';
  if (path !== '') return readTokenFile(path);
  if (server === DEFAULT_SERVER) {
    const folder = env['CLOUD_SERVER_DATA'] ?? defaultServerFolder(host.places);
    const text = await readTextIfExists(adminTokenFile(folder));
    if (text !== undefined) return text.trim();
  }
  throw new AbortError('admin-token-needed', `No admin token for ${server} was found.`, {
    exitCode: ExitCode.auth,
    suggestions: [
      'Set CLOUD_ADMIN_TOKEN_FILE to the file that `cloud server start` named, or CLOUD_ADMIN_TOKEN.',
    ],
  });
}

async function readTokenFile(path: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new AbortError('admin-token-unreadable', `Cannot read ${path}.`, {
      exitCode: ExitCode.auth,
      suggestions: ['CLOUD_ADMIN_TOKEN_FILE names the file with the admin token.'],
      cause,
    });
  }
  if (text !== '') return text;
  throw new AbortError('admin-token-unreadable', `${path} is empty.`, { exitCode: ExitCode.auth });
}

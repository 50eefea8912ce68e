import { readFile } from 'node:fs/promises';
import { createApiClient, type ApiClient } from '../api/client.ts';
import { adminTokenFile, defaultServerFolder } from '../api/contract/local-server.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import { readTextIfExists } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { readConfiguration } from '../session/configuration.ts';
import { openAccount } from '../session/open.ts';
import { DEFAULT_SERVER, resolveServer, type SessionFlags } from '../session/settings.ts';

/**
 * A client that administers the server which flags, environment or context name: with the token of
 * the environment, as whoever has signed in to administer it (`cloud login --admin`), else with the
 * token of this machine's own server.
 *
 * @throws AbortError `admin-token-needed` (4) when there is none of them
 */
export async function openAdminClient(
  host: Host,
  flags: SessionFlags,
  signal: AbortSignal,
): Promise<ApiClient> {
  const { url } = await resolveServer(host, flags);
  const given = await givenToken(host);
  if (given !== undefined) return withToken(url, given, signal);
  const name = await administrator(host, flags, url);
  if (name !== undefined || (host.env['CLOUD_TOKEN'] ?? '') !== '') {
    const account = { context: name ?? flags.context, server: url };
    return (await openAccount(host, account, { signal })).api;
  }
  const own = await ownServersToken(host, url);
  if (own !== undefined) return withToken(url, own, signal);
  throw nobody(url);
}

function withToken(server: string, token: string, signal: AbortSignal): ApiClient {
  registerSecret(token);
  return createApiClient({ server, token: () => Promise.resolve(token), signal });
}

/** Of the environment, or the file that it names; never of a flag. */
async function givenToken({ env }: Host): Promise<string | undefined> {
  const given = env['CLOUD_ADMIN_TOKEN']?.trim() ?? '';
  if (given !== '') return given;
  const path = env['CLOUD_ADMIN_TOKEN_FILE'] ?? '';
  return path === '' ? undefined : readTokenFile(path);
}

/** The named context, or the first one that administers this server: contexts of tenants cannot. */
async function administrator(
  host: Host,
  flags: SessionFlags,
  server: string,
): Promise<string | undefined> {
  if (flags.context !== undefined) return flags.context;
  const { contexts, currentContext } = await readConfiguration(host);
  const fit = Object.keys(contexts).filter(
    (name) => contexts[name]?.server === server && contexts[name].tenant === null,
  );
  return fit.find((name) => name === currentContext) ?? fit[0];
}

async function ownServersToken(host: Host, server: string): Promise<string | undefined> {
  if (server !== DEFAULT_SERVER) return undefined;
  const folder = host.env['CLOUD_SERVER_DATA'] ?? defaultServerFolder(host.places);
  return (await readTextIfExists(adminTokenFile(folder)))?.trim();
}

function nobody(server: string): AbortError {
  return new AbortError(
    'admin-token-needed',
    `Nobody here may administer ${server}: there is no admin token, and nobody has signed in for it.`,
    {
      exitCode: ExitCode.auth,
      suggestions: [
        `Sign in as who administers it: cloud login --admin --server ${server}`,
        'Or set CLOUD_ADMIN_TOKEN_FILE to the file that `cloud server start` named, or CLOUD_ADMIN_TOKEN.',
      ],
    },
  );
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

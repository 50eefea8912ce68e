import { DEFAULT_SERVER_PORT } from '../api/contract/local-server.ts';
import type { Host } from '../platform/host.ts';
import { closest } from '../output/closest.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { readConfiguration, type Configuration, type Context } from './configuration.ts';

/** What the flags `--context` and `--server` (or their environment variables) said. */
export interface SessionFlags {
  context?: string | undefined;
  server?: string | undefined;
}

/** Where `cloud server start` listens unless told otherwise. */
export const DEFAULT_SERVER = `http://127.0.0.1:${DEFAULT_SERVER_PORT}`;

/** Where and as whom one is signed in. */
export interface AccountContext extends Context {
  name: string;
}

/** The same for a tenant, whose bucket it reaches. */
export interface NamedContext extends AccountContext {
  tenant: NonNullable<Context['tenant']>;
}

/**
 * The server to talk to: flag or environment, the context's, the configured one for new sign-ins,
 * or the local default.
 *
 * @throws AbortError `bad-server-url` (2)
 */
export async function resolveServer(
  host: Host,
  flags: SessionFlags,
): Promise<{ url: string; origin: 'flag' | 'context' | 'configuration' | 'default' }> {
  if (flags.server !== undefined) return { url: normalizeServer(flags.server), origin: 'flag' };
  const configuration = await readConfiguration(host);
  const context = selectContext(configuration, flags.context);
  if (context !== undefined) return { url: context.server, origin: 'context' };
  const configured = configuration.settings?.server;
  return configured === undefined
    ? { url: DEFAULT_SERVER, origin: 'default' }
    : { url: normalizeServer(configured), origin: 'configuration' };
}

/**
 * The context to use: the named one, else the current one; undefined when there is none yet.
 *
 * @throws AbortError `unknown-context` (2) when the named one does not exist
 */
export function selectContext(
  configuration: Configuration,
  name: string | undefined,
): AccountContext | undefined {
  const wanted = name ?? configuration.currentContext;
  if (wanted === undefined) return undefined;
  const context = Object.hasOwn(configuration.contexts, wanted)
    ? configuration.contexts[wanted]
    : undefined;
  if (context !== undefined) return { name: wanted, ...context };
  if (name === undefined) return undefined;
  const known = Object.keys(configuration.contexts);
  const guess = closest(name, known);
  throw new AbortError('unknown-context', `There is no context ${name}.`, {
    exitCode: ExitCode.usage,
    suggestions: [
      ...(guess === undefined ? [] : [`Did you mean --context ${guess}?`]),
      known.length === 0 ? 'cloud setup' : `Contexts here: ${known.join(', ')}`,
    ],
    details: { contexts: known },
  });
}

/**
 * The context that both flags allow, for what needs a bucket.
 *
 * @throws AbortError `unknown-context`, `other-server` (2), `no-tenant` (4)
 */
export function contextFor(
  configuration: Configuration,
  flags: SessionFlags,
): NamedContext | undefined {
  const context = accountFor(configuration, flags);
  if (context === undefined) return undefined;
  const { tenant } = context;
  if (tenant !== null) return { ...context, tenant };
  const others = Object.keys(configuration.contexts).filter(
    (name) => (configuration.contexts[name]?.tenant ?? null) !== null,
  );
  throw new AbortError(
    'no-tenant',
    `The context ${context.name} administers the server; it belongs to no tenant, so it has no bucket.`,
    {
      exitCode: ExitCode.auth,
      suggestions: [
        others.length === 0
          ? 'Sign in for a tenant: cloud login'
          : `Use another one: cloud context use ${others[0] ?? ''}`,
      ],
    },
  );
}

/**
 * The context that both flags allow, of a tenant or not. A key is only ever sent to the server it was made for, so
 * `--server` chooses among the contexts; it does not point one of them elsewhere.
 *
 * @throws AbortError `unknown-context`, `other-server` (2)
 */
export function accountFor(
  configuration: Configuration,
  flags: SessionFlags,
): AccountContext | undefined {
  const selected = selectContext(configuration, flags.context);
  if (flags.server === undefined) return selected;
  const server = normalizeServer(flags.server);
  if (selected?.server === server) return selected;
  if (flags.context !== undefined && selected !== undefined) {
    throw new AbortError('other-server', `The context ${selected.name} is on ${selected.server}.`, {
      exitCode: ExitCode.usage,
      suggestions: ['Leave --server out, or choose another --context.'],
    });
  }
  const name = Object.keys(configuration.contexts).find(
    (each) => configuration.contexts[each]?.server === server,
  );
  return name === undefined ? undefined : selectContext(configuration, name);
}

/** A base URL without a trailing slash. */
export function normalizeServer(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw badServer(text);
  }
  if (!['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
    throw badServer(text);
  }
  if (url.username !== '' || url.password !== '') {
    throw new AbortError('bad-server-url', 'A server URL holds no user name or password.', {
      exitCode: ExitCode.usage,
      suggestions: ['Sign in with: cloud login'],
    });
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function badServer(text: string): AbortError {
  return new AbortError('bad-server-url', `${text} is not the address of a server.`, {
    exitCode: ExitCode.usage,
    suggestions: ['Give it as https://cloud.example or http://127.0.0.1:8787'],
  });
}

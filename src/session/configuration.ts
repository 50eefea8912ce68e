import { join } from 'node:path';
import * as z from 'zod/mini';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

/** What setup can start: a mounted bucket, a synced folder, or both. */
export const SETUP_MODES = ['mount', 'bisync', 'both'] as const;
export type SetupMode = (typeof SETUP_MODES)[number];

const Context = z.object({
  /** Base URL of the server. */
  server: z.string(),
  /** Null: it administers the server, and reaches no bucket. */
  tenant: z.nullable(z.object({ id: z.string(), slug: z.string(), name: z.string() })),
  /** The credential's subject as the server names it. */
  account: z.string(),
  /** User name, where the credential belongs to somebody. */
  user: z.optional(z.string()),
});
/** A server, an account and a tenant (or none) under one name. */
export type Context = z.infer<typeof Context>;

const SyncSettings = z.object({
  profile: z.optional(z.enum(['safe', 'balanced', 'fast'])),
  conflicts: z.optional(z.enum(['none', 'newer', 'larger', 'local', 'cloud'])),
  /** Whether `.gitignore` files count as `.cloudignore` files do. */
  gitignore: z.optional(z.boolean()),
});
export type SyncSettings = z.infer<typeof SyncSettings>;

const Configuration = z.object({
  version: z.literal(1),
  currentContext: z.optional(z.string()),
  contexts: z.record(z.string(), Context),
  /** What setup arranged for a context, so that the commands need no flags afterwards. */
  folders: z._default(
    z.record(
      z.string(),
      z.object({
        sync: z.optional(z.string()),
        mount: z.optional(z.string()),
        /** Which of the two setup started. */
        mode: z.optional(z.enum(SETUP_MODES)),
      }),
    ),
    {},
  ),
  /** How folders are synced where no flag says so. */
  sync: z.optional(SyncSettings),
  /** Profiles of a person's own, by kind and name; the features know what is in them. */
  profiles: z.optional(z.object({ mount: z.optional(z.record(z.string(), z.unknown())) })),
  /** What `cloud config set` sets; src/session/setting-table.ts has the names. */
  settings: z.optional(
    z.object({
      server: z.optional(z.string()),
      tenant: z.optional(z.string()),
      mode: z.optional(z.enum(SETUP_MODES)),
      profile: z.optional(z.enum(['safe', 'balanced', 'fast'])),
      rclone: z.optional(z.string()),
      output: z.optional(z.enum(['table', 'tsv'])),
      browser: z.optional(z.boolean()),
    }),
  ),
  /** A person's choice where a keychain is missing: the key of the secrets in a file. */
  insecureStorage: z.optional(z.boolean()),
});
export type Configuration = z.infer<typeof Configuration>;

const EMPTY: Configuration = { version: 1, contexts: {}, folders: {} };

export function configurationPath(host: Host): string {
  return join(host.places.config, 'config.json');
}

/**
 * The user's configuration; an empty one when nothing has been written yet.
 *
 * @throws AbortError `configuration-damaged` (78) when the file is not what we wrote
 */
export async function readConfiguration(host: Host): Promise<Configuration> {
  const path = configurationPath(host);
  const text = await readTextIfExists(path);
  if (text === undefined) return structuredClone(EMPTY);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const parsed = Configuration.safeParse(json);
  if (!parsed.success) {
    throw new AbortError(
      'configuration-damaged',
      `${path} is not a configuration of this version.`,
      {
        exitCode: ExitCode.needsPerson,
        suggestions: ['Mend the file, or move it away and run: cloud setup'],
      },
    );
  }
  return parsed.data;
}

/** Reads, changes and writes the configuration under a lock, so that no change is lost. */
export async function updateConfiguration(
  host: Host,
  change: (configuration: Configuration) => void,
): Promise<Configuration> {
  await ensurePrivateFolder(host.places.config);
  const lock = await acquireLock(join(host.places.state, 'locks', 'configuration.lock'), {
    command: 'change of the configuration',
    waitMs: 10_000,
    clock: host.clock,
  });
  try {
    const configuration = await readConfiguration(host);
    change(configuration);
    await writeFileAtomic(configurationPath(host), `${JSON.stringify(configuration, null, 2)}\n`);
    return configuration;
  } finally {
    lock.release();
  }
}

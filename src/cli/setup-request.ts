import type { Host } from '../platform/host.ts';
import { askText } from '../output/prompt.ts';
import type { SetupMode } from '../onboarding/mode.ts';
import type { SetupDeps, SetupOptions } from '../onboarding/request.ts';
import { readConfiguration, type Configuration } from '../session/configuration.ts';
import { STORED } from '../session/open.ts';
import { openSecretStore, type SecretStore } from '../session/secret-store.ts';
import {
  contextFor,
  resolveServer,
  type NamedContext,
  type SessionFlags,
} from '../session/settings.ts';
import { readApiKey } from './api-key-input.ts';
import { mountSupervisor } from './mount-supervisor.ts';

interface SetupFlags {
  mode?: SetupMode | undefined;
  path?: string | undefined;
  'mount-path'?: string | undefined;
  profile?: SetupOptions['profile'];
  rclone?: string | undefined;
  'token-stdin': boolean;
  'insecure-storage': boolean;
  context?: string | undefined;
  server?: string | undefined;
}

/** Turns the flags of `cloud setup` into what the service asks for. */
export async function setupRequest(
  flags: SetupFlags,
  run: Pick<SetupDeps, 'host' | 'signal' | 'confirm'> & { interactive: boolean },
): Promise<{ options: SetupOptions; deps: SetupDeps }> {
  const { host, interactive, signal, confirm } = run;
  const { context, server } = flags;
  const options: SetupOptions = {
    flags: { context, server },
    mode: flags.mode ?? (interactive ? await askMode(signal) : undefined),
    syncFolder: flags.path,
    mountFolder: flags['mount-path'],
    profile: flags.profile,
    rclonePath: flags.rclone,
    newKey: flags['token-stdin'],
    keepKey: flags['token-stdin'] || !hasToken(host),
  };
  const secrets = openSecretStore(host, { insecureStorage: flags['insecure-storage'] });
  const source = { stdin: flags['token-stdin'], env: host.env, interactive, signal };
  // Asked before any step is drawn: a question in the middle of a moving picture is not seen.
  const asked =
    interactive && !options.newKey && !hasToken(host) && !(await isSignedIn(host, flags, secrets))
      ? await readApiKey(source)
      : undefined;
  const deps: SetupDeps = {
    host,
    signal,
    confirm,
    secrets,
    server: async () => (await resolveServer(host, { context, server })).url,
    apiKey: async () => asked ?? (await readApiKey({ ...source, interactive: false })),
    mountSupervisor: mountSupervisor(flags.rclone),
  };
  return { options, deps };
}

/** Whether a key was stored by an earlier run; what the server says of it is seen later. */
async function isSignedIn(
  host: Host,
  { context, server }: SetupFlags,
  secrets: SecretStore,
): Promise<boolean> {
  const known = contextIfAny(await readConfiguration(host), { context, server });
  return known !== undefined && (await secrets.getPassword(STORED.apiKey, known.name)) !== null;
}

/** For setup, a context that does not exist yet is one to make. */
function contextIfAny(configuration: Configuration, flags: SessionFlags): NamedContext | undefined {
  const exists = flags.context === undefined || flags.context in configuration.contexts;
  return exists ? contextFor(configuration, flags) : undefined;
}

function hasToken(host: Host): boolean {
  return (host.env['CLOUD_TOKEN'] ?? '') !== '';
}

async function askMode(signal: AbortSignal): Promise<SetupMode> {
  const modes = new Map<string, SetupMode>([
    ...[['', 'mount'] as const, ['1', 'mount'] as const, ['mount', 'mount'] as const],
    ...[['2', 'bisync'] as const, ['bisync', 'bisync'] as const],
    ...[['3', 'both'] as const, ['both', 'both'] as const],
  ]);
  const question = [
    'How do you want to use the bucket?',
    '  1  mount   a folder that reads from the cloud what is needed',
    '  2  bisync  a folder on this disk that is kept in step, also offline',
    '  3  both',
    'Your choice [1]:',
  ].join('\n');
  for (;;) {
    const mode = modes.get((await askText(question, signal)).toLowerCase());
    if (mode !== undefined) return mode;
  }
}

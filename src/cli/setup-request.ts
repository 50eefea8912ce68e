import type { Host } from '../platform/host.ts';
import { askText } from '../output/prompt.ts';
import type { SetupMode } from '../onboarding/mode.ts';
import type { SetupDeps, SetupOptions } from '../onboarding/request.ts';
import { openSecretStore } from '../session/secret-store.ts';
import { resolveServer } from '../session/settings.ts';
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
  const deps: SetupDeps = {
    host,
    signal,
    confirm,
    secrets: openSecretStore(host, { insecureStorage: flags['insecure-storage'] }),
    server: async () => (await resolveServer(host, { context, server })).url,
    apiKey: () => readApiKey({ stdin: flags['token-stdin'], env: host.env, interactive, signal }),
    mountSupervisor: mountSupervisor(flags.rclone),
  };
  return { options, deps };
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

import type { Host } from '../platform/host.ts';
import type { SecretStore } from '../session/secret-store.ts';
import type { SessionFlags } from '../session/settings.ts';
import type { SetupMode } from './mode.ts';

export interface SetupOptions {
  flags: SessionFlags;
  /** Undefined: mount where this machine can, else bisync. */
  mode: SetupMode | undefined;
  syncFolder: string | undefined;
  mountFolder: string | undefined;
  profile: 'safe' | 'balanced' | 'fast' | undefined;
  /** From `--rclone`. */
  rclonePath: string | undefined;
  /** Whether to sign in anew although somebody is signed in: a key was given. */
  newKey: boolean;
  /** Whether the key is kept; `CLOUD_TOKEN` is its owner's business. */
  keepKey: boolean;
}

export interface SetupDeps {
  host: Host;
  secrets: SecretStore;
  signal: AbortSignal;
  server: () => Promise<string>;
  apiKey: () => Promise<string>;
  /** How the process that serves a mount is started. */
  mountSupervisor: { command: string; args: readonly string[] };
  /** A question that must be agreed to; throws when nobody can be asked. */
  confirm: (question: string) => Promise<boolean>;
}

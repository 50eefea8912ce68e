import type { Host } from '../platform/host.ts';
import type { Rclone } from '../rclone/rclone.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import type { SetupMode } from '../session/configuration.ts';
import type { SecretStore } from '../session/secret-store.ts';
import type { SignedIn } from '../session/sign-in.ts';
import type { SessionFlags } from '../session/settings.ts';

export interface SetupOptions {
  flags: SessionFlags;
  /** Undefined: what an earlier run started, else mount where this machine can, else bisync. */
  mode: SetupMode | undefined;
  syncFolder: string | undefined;
  mountFolder: string | undefined;
  profile: 'safe' | 'balanced' | 'fast' | undefined;
  /** From `--rclone`. */
  rclonePath: string | undefined;
  /** Whether to sign in anew although somebody is signed in: a key was given. */
  newKey: boolean;
}

/** What is synced with what, and how. */
export interface FirstSyncTarget {
  access: BucketAccess;
  rclone: Rclone;
  root: string;
  profile: SetupOptions['profile'];
}

/** Sizes in bytes. */
export interface Amount {
  files: number;
  bytes: number;
}

/** What the first sync would do with a folder that holds files already. */
export interface FirstSyncPlan {
  root: string;
  bucket: string;
  onlyHere: Amount;
  onlyInBucket: Amount;
  /** On both sides, and not known to be equal. */
  differ: Amount;
  /** On both sides, and equal. */
  equal: number;
  /** Paths that cannot be synced, with the reason. */
  problems: { path: string; message: string }[];
}

export interface SetupDeps {
  host: Host;
  secrets: SecretStore;
  signal: AbortSignal;
  /** Signs in with the key that was given, where nobody is signed in or a new key was given. */
  signIn: () => Promise<SignedIn>;
  /** Somebody has just signed in at the terminal. */
  signedInNow: SignedIn | undefined;
  /** How the process that serves a mount is started. */
  mountSupervisor: { command: string; args: readonly string[] };
  /** Hears what the first sync would do with files that are there already, before it is agreed to. */
  onFirstSync: (plan: FirstSyncPlan) => void;
  /** A question that must be agreed to; throws when nobody can be asked. */
  confirm: (question: string) => Promise<boolean>;
}

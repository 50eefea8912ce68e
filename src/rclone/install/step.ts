import type { Host } from '../../platform/host.ts';
import type { Rclone } from '../rclone.ts';

/** The ways to get rclone, in the words of `--method`; `existing` takes what is there, or nothing. */
export const INSTALL_METHODS = [
  'existing',
  'official',
  'apt',
  'brew',
  'dnf',
  'pacman',
  'zypper',
  'apk',
  'winget',
  'choco',
  'scoop',
] as const;
export type InstallMethod = (typeof INSTALL_METHODS)[number];

/** What a person may want to see of an installation. */
export type InstallEvent =
  /** A way that is not for this machine, or that was tried and failed; the next one follows. */
  | { type: 'passed-over'; method: InstallMethod; reason: string }
  | { type: 'started'; method: InstallMethod; title: string }
  /** A suitable one is there, so nothing is installed. */
  | { type: 'kept'; path: string; version: string }
  /** Bytes; the total is unknown where the server does not say. */
  | { type: 'download'; received: number; total: number | undefined };

export interface InstallContext {
  host: Host;
  /** The processor in Node's words: `x64`, `arm64`. */
  arch: string;
  /** Another place that holds the official zips, as a base URL. */
  mirror: string | undefined;
  /** For an update: nothing that is not newer is of use. */
  newerThan: string | undefined;
  signal: AbortSignal;
  report: (event: InstallEvent) => void;
}

/** One way to get rclone. */
export interface InstallStep {
  method: InstallMethod;
  title: string;
  /** Why it cannot be used on this machine, without trying; undefined when it can. */
  unusable(context: InstallContext): Promise<string | undefined>;
  /** @throws AbortError or a system error; nothing half-done is left */
  install(context: InstallContext): Promise<Rclone>;
  /** What a person would type instead. */
  byHand: string | undefined;
}

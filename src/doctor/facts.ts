import { readFile, statfs } from 'node:fs/promises';
import type { ErrorReport } from '../output/errors.ts';
import type { Host } from '../platform/host.ts';
import { inspectPairs, type PairInspection } from '../bisync/inspect.ts';
import { mountStatus, type MountStatus } from '../mount/status.ts';
import { findRclone } from '../rclone/find.ts';
import { installRclone } from '../rclone/install/install.ts';
import type { Rclone } from '../rclone/rclone.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { serviceStatuses, type ServiceStatus } from '../service/service-status.ts';
import { readConfiguration, type Configuration } from '../session/configuration.ts';
import { openKeychain, type Keychain } from '../session/keychain.ts';
import { openSession, type Session } from '../session/open.ts';
import { openSecretStore, type SecretStore } from '../session/secret-store.ts';
import { contextFor, type NamedContext, type SessionFlags } from '../session/settings.ts';
import { reach, type Reach } from './reach.ts';

/** Room on a file system: bytes and inodes that this user may still take. */
export interface Space {
  freeBytes: number;
  totalBytes: number;
  /** Zero of zero where the file system does not count them. */
  freeInodes: number;
  totalInodes: number;
}

export interface DoctorDeps {
  reportOf: (error: unknown) => ErrorReport;
  nodeVersion: string;
  /** Of the user who asks; undefined where there is no such number. */
  uid: number | undefined;
  /** A file of /proc; undefined when there is none. */
  readSystemFile: (path: string) => Promise<string | undefined>;
  space: (path: string) => Promise<Space>;
  openKeychain: (item: string) => Promise<Keychain>;
  installRclone: (host: Host, signal: AbortSignal) => Promise<Rclone>;
  /** How the background services stand. */
  services: (host: Host) => Promise<ServiceStatus[]>;
  /** Writes the definition of a service anew, unless somebody edited it. */
  reinstallService: ((status: ServiceStatus) => Promise<void>) | undefined;
  reach: (url: string, options: { env: NodeJS.ProcessEnv; signal: AbortSignal }) => Promise<Reach>;
}

export const systemDeps: Omit<DoctorDeps, 'reportOf'> = {
  nodeVersion: process.versions.node,
  uid: process.getuid?.(),
  readSystemFile: (path) => readFile(path, 'utf8').catch(() => undefined),
  space: async (path) => {
    const { bavail, blocks, bsize, ffree, files } = await statfs(path);
    return {
      ...{ freeBytes: bavail * bsize, totalBytes: blocks * bsize },
      ...{ freeInodes: ffree, totalInodes: files },
    };
  },
  openKeychain,
  installRclone: async (host, signal) =>
    (await installRclone({ signal }, host, () => undefined)).rclone,
  services: (host) => serviceStatuses(host, { cliVersion: undefined, askManager: true }),
  reinstallService: undefined,
  reach,
};

/** What several checks look at, found out once. Another look needs another `Facts`. */
export class Facts {
  readonly host: Host;
  readonly flags: SessionFlags;
  readonly signal: AbortSignal;
  readonly deps: DoctorDeps;

  constructor(host: Host, flags: SessionFlags, signal: AbortSignal, deps: DoctorDeps) {
    this.host = host;
    this.flags = flags;
    this.signal = signal;
    this.deps = deps;
  }

  readonly configuration = once((): Promise<Configuration> => readConfiguration(this.host));

  readonly context = once(async (): Promise<NamedContext | undefined> =>
    contextFor(await this.configuration(), this.flags),
  );

  readonly secrets = once((): Promise<SecretStore> => {
    const { openKeychain } = this.deps;
    return Promise.resolve(openSecretStore(this.host, {}, { openKeychain }));
  });

  readonly session = once(async (): Promise<Session> =>
    openSession(this.host, this.flags, { secrets: await this.secrets(), signal: this.signal }),
  );

  readonly access = once(async (): Promise<BucketAccess> => (await this.session()).bucketAccess());

  /** Asked anew, whatever is remembered about the binary. */
  readonly rclone = once((): Promise<Rclone> => findRclone({ fresh: true }, this.host));

  readonly mounts = once((): Promise<MountStatus[]> => mountStatus(this.host));

  readonly pairs = once((): Promise<PairInspection[]> => inspectPairs(this.host));

  readonly server = once(async (): Promise<Reach> => {
    const { server } = (await this.session()).context;
    return this.#reach(`${server}/version`);
  });

  /** Undefined while there is no key, which says where the storage is. */
  readonly storage = once(async (): Promise<Reach | undefined> => {
    const access = await this.access().catch(() => undefined);
    return access === undefined ? undefined : this.#reach(access.endpoint);
  });

  #reach(url: string): Promise<Reach> {
    return this.deps.reach(url, { env: this.host.env, signal: this.signal });
  }
}

function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= find());
}

/** A binary that was found and probed. */
export interface Rclone {
  path: string;
  /** `1.75.2`, without the `v` and without a build's suffix. */
  version: string;
  origin: RcloneOrigin;
  capabilities: RcloneCapabilities;
}

export type RcloneOrigin = 'flag' | 'environment' | 'private' | 'path';

/** What this very build can do: builds of one version differ (docs/adr/0005-rclone-source.md). */
export interface RcloneCapabilities {
  rcd: boolean;
  bisync: boolean;
  mount: boolean;
  nfsmount: boolean;
}

/** The oldest version with everything we need: conditional uploads came with 1.72. */
export const RCLONE_FLOOR = '1.72.0';
/** Older ones work, but lack the security fixes of 1.75.0. */
const RCLONE_ADVISED = '1.75.0';

/**
 * The version in the output of `rclone version`, whose first line is `rclone v1.75.2`; Debian's
 * and beta builds append a suffix (`v1.60.1-DEV`). Undefined when this is not rclone's output.
 */
export function parseRcloneVersion(output: string): string | undefined {
  return /^rclone v(\d+\.\d+\.\d+)(?:[-+][\w.+-]*)?\s*$/m.exec(output)?.[1];
}

/** Negative, zero or positive, as `a` is older than, equal to or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number));
  for (let index = 0; index < 3; index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A sentence for people when this version works but should be replaced. */
export function versionWarning(rclone: Pick<Rclone, 'version' | 'origin'>): string | undefined {
  if (compareVersions(rclone.version, RCLONE_ADVISED) >= 0) return undefined;
  const cure = rclone.origin === 'private' ? 'cloud rclone update' : 'cloud rclone install';
  return (
    `rclone ${rclone.version} works, but lacks the security fixes of ${RCLONE_ADVISED}; ` +
    `\`${cure}\` installs a newer private copy.`
  );
}

import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

/** How a mount trades freshness, durability and speed. All numbers are what people are told. */
export interface MountProfile {
  name: string;
  /** What it is for, in one line. */
  summary: string;
  /** After how many seconds at most a change made elsewhere shows. */
  freshnessSeconds: number;
  /** After how many seconds a closed file begins to upload; 0 would hide it from the queue. */
  writeBackSeconds: number;
  /** How many uploads run at once. */
  transfers: number;
  /** How long a file that was read stays on this disk, in hours. */
  cacheHours: number;
  /** Files that were read are dropped from this disk beyond this size, in GiB. */
  cacheGiB: number;
}

export const DEFAULT_PROFILE = 'balanced';

/**
 * The profiles that come with the product. Whatever the profile, a file that a program has closed
 * is on this disk first and in the bucket later, and is never dropped from here before it is there.
 */
export const MOUNT_PROFILES: readonly MountProfile[] = [
  {
    name: 'fast',
    summary: 'Changes made elsewhere show within 5 s; a saved file begins to upload after 1 s.',
    freshnessSeconds: 5,
    writeBackSeconds: 1,
    transfers: 16,
    cacheHours: 24,
    cacheGiB: 10,
  },
  {
    name: 'balanced',
    summary:
      'Changes made elsewhere show within 10 s; a saved file begins to upload after 5 s, ' +
      'so that a program that saves often uploads once.',
    freshnessSeconds: 10,
    writeBackSeconds: 5,
    transfers: 8,
    cacheHours: 24,
    cacheGiB: 10,
  },
  {
    name: 'safe',
    summary:
      'For slow or unsteady lines: changes made elsewhere show within 15 s, a saved file begins ' +
      'to upload after 2 s, few uploads at a time, and what was read stays here for a week.',
    freshnessSeconds: 15,
    writeBackSeconds: 2,
    transfers: 4,
    cacheHours: 168,
    cacheGiB: 20,
  },
];

/** @throws AbortError `unknown-profile` (2) */
export function findProfile(name: string): MountProfile {
  const found = MOUNT_PROFILES.find((profile) => profile.name === name);
  if (found !== undefined) return found;
  throw new AbortError('unknown-profile', `There is no mount profile named ${name}.`, {
    exitCode: ExitCode.usage,
    suggestions: MOUNT_PROFILES.map((profile) => `${profile.name}: ${profile.summary}`),
  });
}

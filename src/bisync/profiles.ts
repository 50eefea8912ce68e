/** Who keeps the name when both sides changed. The other version is always kept as a conflict copy. */
export type ConflictStrategy = 'none' | 'newer' | 'larger' | 'local' | 'cloud';

export const CONFLICT_STRATEGIES: readonly ConflictStrategy[] = [
  'none',
  'newer',
  'larger',
  'local',
  'cloud',
];

export interface Profile {
  name: ProfileName;
  description: string;
  conflicts: ConflictStrategy;
  /** Deletes above this share of the files of a side stop the run, 0 to 100. */
  maxDeletePercent: number;
  /** Deletes above this number stop the run as well. */
  maxDeletes: number;
  /** Whether the check file must be on both sides with equal content. */
  checkAccess: boolean;
}

export type ProfileName = 'safe' | 'balanced' | 'fast';
export const PROFILE_NAMES: readonly ProfileName[] = ['safe', 'balanced', 'fast'];

/** SPEC-8's recommendation. */
export const DEFAULT_PROFILE: ProfileName = 'balanced';

/** SPEC-8's three profiles; `none` keeps the cloud's version under the name. */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  safe: {
    name: 'safe',
    description: 'Decides nothing: both versions of a conflict stay, and it counts as open.',
    conflicts: 'none',
    maxDeletePercent: 10,
    maxDeletes: 100,
    checkAccess: true,
  },
  balanced: {
    name: 'balanced',
    description: 'The newer version keeps the name, the older one is kept beside it.',
    conflicts: 'newer',
    maxDeletePercent: 25,
    maxDeletes: 1000,
    checkAccess: true,
  },
  fast: {
    name: 'fast',
    description: 'Like balanced, with a wider delete guard and no access check.',
    conflicts: 'newer',
    maxDeletePercent: 50,
    maxDeletes: 5000,
    checkAccess: false,
  },
};

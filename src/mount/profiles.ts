import * as z from 'zod/mini';
import { closest } from '../output/closest.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

const whole = (least: number, most: number): z.ZodMiniNumber =>
  z.int().check(z.minimum(least), z.maximum(most));

/** What a person may set in a profile of their own; the same limits hold for all. */
const Settings = z.strictObject({
  /** After how many seconds at most a change made elsewhere shows where no events tell of it. */
  freshnessSeconds: whole(1, 3600),
  /** After how many seconds a closed file begins to upload; 0 would hide it from the queue. */
  writeBackSeconds: whole(1, 600),
  /** How many uploads run at once. */
  transfers: whole(1, 64),
  /** How long a file that was read stays on this disk, in hours. */
  cacheHours: whole(1, 8760),
  /** Files that were read are dropped from this disk beyond this size, in GiB. */
  cacheGiB: whole(1, 100_000),
  /**
   * For how many days the bucket keeps a copy of what is overwritten or deleted through the mount;
   * 0: no copies.
   */
  versionDays: whole(0, 3650),
});

/** How a mount trades freshness, durability and speed. All numbers are what people are told. */
export const MountProfile = z.object({
  name: z.string(),
  /** What it is for, in one line. */
  summary: z.string(),
  ...Settings.shape,
});
export type MountProfile = z.infer<typeof MountProfile>;

const CustomProfile = z.extend(z.partial(Settings), {
  /** The built-in profile from which what is not set is taken. Default: balanced. */
  extends: z.optional(z.string()),
  summary: z.optional(z.string()),
});

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
    versionDays: 0,
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
    versionDays: 0,
  },
  {
    name: 'safe',
    summary:
      'Keeps a copy of everything that is overwritten or deleted for 30 days. Changes made ' +
      'elsewhere show within 15 s, a saved file begins to upload after 2 s, few uploads at a ' +
      'time, and what was read stays here for a week.',
    freshnessSeconds: 15,
    writeBackSeconds: 2,
    transfers: 4,
    cacheHours: 168,
    cacheGiB: 20,
    versionDays: 30,
  },
];

/** The profiles in a person's configuration, by name, as they stand there. */
export type CustomProfiles = Readonly<Record<string, unknown>>;

/**
 * All profiles, the person's own after those that come with the product.
 *
 * @throws AbortError `bad-profile` (78)
 */
export function mountProfiles(custom: CustomProfiles): MountProfile[] {
  return [...MOUNT_PROFILES, ...Object.entries(custom).map(([name, set]) => ownProfile(name, set))];
}

/** @throws AbortError `unknown-profile` (2), `bad-profile` (78) */
export function findProfile(name: string, custom: CustomProfiles = {}): MountProfile {
  const found = MOUNT_PROFILES.find((profile) => profile.name === name);
  if (found !== undefined) return found;
  if (Object.hasOwn(custom, name)) return ownProfile(name, custom[name]);
  const guess = closest(name, [...MOUNT_PROFILES.map((each) => each.name), ...Object.keys(custom)]);
  throw new AbortError('unknown-profile', `There is no mount profile named ${name}.`, {
    exitCode: ExitCode.usage,
    suggestions: [
      ...(guess === undefined ? [] : [`Did you mean ${guess}?`]),
      ...MOUNT_PROFILES.map((profile) => `${profile.name}: ${profile.summary}`),
      ...Object.keys(custom).map((each) => `${each}: your own`),
    ],
  });
}

function ownProfile(name: string, set: unknown): MountProfile {
  if (MOUNT_PROFILES.some((profile) => profile.name === name)) {
    throw badProfile(name, 'the name is taken by a profile that comes with the product');
  }
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    throw badProfile(name, 'a name is of small letters, digits and hyphens, 32 at most');
  }
  const parsed = CustomProfile.safeParse(set);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw badProfile(name, issue === undefined ? 'it cannot be understood' : explain(issue));
  }
  const { extends: base = DEFAULT_PROFILE, summary, ...settings } = parsed.data;
  const from = MOUNT_PROFILES.find((profile) => profile.name === base);
  if (from === undefined) {
    const known = MOUNT_PROFILES.map((profile) => profile.name).join(', ');
    throw badProfile(name, `extends has to be one of ${known}, not ${base}`);
  }
  const merged = MountProfile.parse({ ...from, ...settings, name });
  return { ...merged, summary: summary ?? describeSettings(merged) };
}

/** A line like those of the built-in profiles, from the numbers. */
function describeSettings(profile: MountProfile): string {
  const { freshnessSeconds, writeBackSeconds, versionDays } = profile;
  const copies =
    versionDays === 0
      ? ''
      : `; a copy of what is overwritten or deleted is kept for ${versionDays} days`;
  return `Changes made elsewhere show within ${freshnessSeconds} s; a saved file begins to upload after ${writeBackSeconds} s${copies}.`;
}

function explain(issue: z.core.$ZodIssue): string {
  const setting = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = ['extends', 'summary', ...Object.keys(Settings.shape)].join(', ');
    return `there is no setting ${issue.keys.join(', ')}; there are ${known}`;
  }
  if (setting === '') return 'it has to be an object of settings';
  if (issue.code === 'too_small') return `${setting} is ${String(issue.minimum)} at least`;
  if (issue.code === 'too_big') return `${setting} is ${String(issue.maximum)} at most`;
  return setting === 'extends' || setting === 'summary'
    ? `${setting} is a text`
    : `${setting} is a whole number, without a unit`;
}

function badProfile(name: string, why: string): AbortError {
  return new AbortError('bad-profile', `The mount profile ${name} cannot be used: ${why}.`, {
    exitCode: ExitCode.needsPerson,
    suggestions: ['Mend it under profiles.mount in the configuration: cloud profiles list'],
    details: { profile: name },
  });
}

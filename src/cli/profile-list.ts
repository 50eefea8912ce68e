import {
  DEFAULT_PROFILE as BISYNC_DEFAULT,
  PROFILES as BISYNC_PROFILES,
  PROFILE_NAMES,
} from '../bisync/profiles.ts';
import { DEFAULT_PROFILE as MOUNT_DEFAULT, mountProfiles } from '../mount/profiles.ts';
import { closest } from '../output/closest.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count, wrap } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import { fieldsNamed, type View } from '../output/view.ts';
import type { Host } from '../platform/host.ts';
import { readConfiguration } from '../session/configuration.ts';

export interface ProfileInfo {
  name: string;
  /** What it is a profile of. */
  kind: 'mount' | 'bisync';
  /** Taken where nobody says which. */
  default: boolean;
  origin: 'built-in' | 'configuration';
  summary: string;
  settings: Record<string, string | number | boolean>;
}

export const PROFILES: View<ProfileInfo> = {
  fields: fieldsNamed('kind', 'name', 'default', 'origin', 'summary'),
  columns: [
    { key: 'kind', title: 'KIND' },
    { key: 'name', title: 'NAME' },
    { key: 'default', title: 'DEFAULT' },
    { key: 'summary', title: 'WHAT IT DOES' },
  ],
  empty: '',
};

/**
 * All profiles of both kinds, those of the configuration included.
 *
 * @throws AbortError `bad-profile` (78) when one of the configuration cannot be used
 */
export async function listProfiles(host: Host): Promise<ProfileInfo[]> {
  const own = (await readConfiguration(host)).profiles?.mount ?? {};
  const mount = mountProfiles(own).map(({ name, summary, ...settings }): ProfileInfo => {
    const origin = Object.hasOwn(own, name) ? 'configuration' : 'built-in';
    return { name, kind: 'mount', default: name === MOUNT_DEFAULT, origin, summary, settings };
  });
  const bisync = PROFILE_NAMES.map((each): ProfileInfo => {
    const { name, description: summary, ...settings } = BISYNC_PROFILES[each];
    const isDefault = name === BISYNC_DEFAULT;
    return { name, kind: 'bisync', default: isDefault, origin: 'built-in', summary, settings };
  });
  return [...mount, ...bisync];
}

/** Those of one name. @throws AbortError `unknown-profile` (2) */
export async function findProfiles(host: Host, name: string): Promise<ProfileInfo[]> {
  const all = await listProfiles(host);
  const found = all.filter((profile) => profile.name === name);
  if (found.length > 0) return found;
  const names = [...new Set(all.map((profile) => profile.name))];
  const guess = closest(name, names);
  throw new AbortError('unknown-profile', `There is no profile named ${name}.`, {
    exitCode: ExitCode.usage,
    suggestions: [
      ...(guess === undefined ? [] : [`Did you mean ${guess}?`]),
      `There are ${names.join(', ')}.`,
      'cloud profiles list',
    ],
  });
}

export function presentProfiles(profiles: readonly ProfileInfo[], out: Output): string {
  return profiles.map((profile) => presentProfile(profile, out)).join('\n\n');
}

function presentProfile({ kind, name, summary, settings, ...more }: ProfileInfo, out: Output) {
  const marks = [
    ...(more.default ? ['default'] : []),
    ...(more.origin === 'built-in' ? [] : ['your own']),
  ];
  const title = `${out.style('bold', name)} for ${kind}${marks.length > 0 ? ` (${marks.join(', ')})` : ''}`;
  const fields = formatFields(
    Object.entries(settings).map(([key, value]) => [
      `  ${LABELS[key] ?? key}`,
      inWords(key, value),
    ]),
  );
  return [title, wrap(`  ${summary}`, out.width, '  '), fields].join('\n');
}

const LABELS: Readonly<Record<string, string>> = {
  freshnessSeconds: 'Changes made elsewhere show',
  writeBackSeconds: 'Upload begins',
  transfers: 'Uploads at once',
  cacheHours: 'What was read stays here',
  cacheGiB: 'Space for it',
  versionDays: 'Copies of what is overwritten or deleted',
  conflicts: 'Both sides changed: the name goes to',
  maxDeletePercent: 'Stops at deletes above',
  maxDeletes: 'Stops at deletes above, in files',
  checkAccess: 'Checks that it reached the right place',
};

function inWords(key: string, value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  switch (key) {
    case 'freshnessSeconds':
      return `at once by events, else within ${value} s`;
    case 'writeBackSeconds':
      return `${value} s after a file was closed`;
    case 'cacheHours':
      return count(value, 'hour');
    case 'cacheGiB':
      return `${value} GiB`;
    case 'versionDays':
      return value === 0 ? 'none' : `for ${count(value, 'day')}`;
    case 'maxDeletePercent':
      return `${value} %`;
    default:
      return String(value);
  }
}

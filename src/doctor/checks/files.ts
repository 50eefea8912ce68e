import { chmod, rm } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { ExitCode } from '../../output/exit-codes.ts';
import { count, shellWord } from '../../output/format.ts';
import type { Host } from '../../platform/host.ts';
import { mountFolders, mountsFolder } from '../../mount/identity.ts';
import { readRecord } from '../../mount/record.ts';
import { isEncryptedConfig, rcloneConfigPath } from '../../rclone/config-file.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { failure, ok, warning, type Observation } from '../finding.ts';
import { namesIn, readIfThere, statIfThere, walk } from '../own-files.ts';
import { platformOf } from '../../platform/platform.ts';

export const fileChecks: readonly Check[] = [
  {
    id: 'permissions',
    group: 'Disk and files',
    title: 'Permissions',
    withinMs: 10_000,
    exitCode: ExitCode.failed,
    run: permissions,
  },
  {
    id: 'state-files',
    group: 'Disk and files',
    title: 'State files',
    withinMs: 10_000,
    exitCode: ExitCode.needsPerson,
    run: ({ host }) => stateFiles(host),
  },
  {
    id: 'leftovers',
    group: 'Disk and files',
    title: 'Leftovers',
    withinMs: 10_000,
    exitCode: ExitCode.failed,
    run: leftovers,
  },
];

const PRIVATE_FILES = ['config.json', 'secrets.json', 'secrets.key', 'rclone.conf'];

/** Folders 0700, private files 0600, all of it this user's: what the product made them. */
async function permissions({ host, deps }: Facts): Promise<Observation[]> {
  const { places, platform } = host;
  const isForeign = (entry: Stats): boolean => isAnothers(entry, deps.uid);
  if (!platformOf(platform).unix) return [ok('Windows keeps this folder to its user')];
  const folders = [places.config, places.state, places.data, places.cache];
  const files = PRIVATE_FILES.map((name) => join(places.config, name));
  const wide: { path: string; mode: number }[] = [];
  const foreign: string[] = [];
  for (const [paths, mode] of [
    [folders, 0o700],
    [files, 0o600],
  ] as const) {
    for (const path of paths) {
      const entry = await statIfThere(path);
      if (entry === undefined) continue;
      if (isForeign(entry)) foreign.push(path);
      else if ((entry.mode & 0o077) !== 0) wide.push({ path, mode });
    }
  }
  for (const folder of [places.config, places.state]) {
    for await (const { path, entry } of walk(folder)) if (isForeign(entry)) foreign.push(path);
  }
  const seen = [...(foreign.length === 0 ? [] : [notOurs(foreign)])];
  if (wide.length > 0) seen.push(tooWide(wide));
  return seen.length > 0 ? seen : [ok('Only your user can read what is kept here')];
}

/** Root may run everything as somebody else; whose the files should be is not known then. */
function isAnothers(entry: Stats, me: number | undefined): boolean {
  return me !== undefined && me !== 0 && entry.uid !== me;
}

function notOurs(paths: readonly string[]): Observation {
  const [first = ''] = paths;
  return failure(
    ExitCode.failed,
    `${count(paths.length, 'file or folder', 'files or folders')} here belong to another user`,
    {
      cause: `${first}; a command may have been run with sudo`,
      cure: {
        sentence: 'Take them back.',
        command: `sudo chown -R "$(id -u):$(id -g)" ${paths.slice(0, 4).map(shellWord).join(' ')}`,
      },
    },
  );
}

function tooWide(wide: readonly { path: string; mode: number }[]): Observation {
  const names = wide.map(({ path }) => path);
  return warning('Other users of this machine can read what is kept here', {
    cause: names.join(', '),
    cure: {
      sentence: 'Make them private again.',
      command: `chmod go= ${names.map(shellWord).join(' ')}`,
    },
    fix: async () => {
      for (const { path, mode } of wide) await chmod(path, mode);
      return `made private again: ${names.join(', ')}`;
    },
  });
}

/** Files that are read as if they were not there when they cannot be understood. */
async function stateFiles(host: Host): Promise<Observation[]> {
  const seen: Observation[] = [];
  const config = await readIfThere(rcloneConfigPath(host));
  if (config !== undefined && isEncryptedConfig(config)) {
    seen.push(
      failure(ExitCode.needsPerson, `${rcloneConfigPath(host)} is encrypted`, {
        cause: 'It is a file of ours without secrets; somebody gave it a password',
        cure: {
          sentence: 'Move it away; the next command writes it anew.',
          command: `mv ${shellWord(rcloneConfigPath(host))} ~/`,
        },
      }),
    );
  }
  for (const id of await namesIn(mountsFolder(host.places))) {
    const { record } = mountFolders(host.places, id);
    const text = await readIfThere(record);
    if (text === undefined || readRecord(host.places, id) !== undefined) continue;
    seen.push(
      warning(`The record of a mount is damaged: ${record}`, {
        cause: 'What waits in its cache is kept, and found again by the next mount',
        cure: { sentence: 'Mounting writes it anew.', command: 'cloud mount' },
      }),
    );
  }
  return seen.length > 0 ? seen : [ok('The state files can be read')];
}

/** Nobody takes so long over one file. */
const OLD_MS = 3_600_000;

/** Temporary files of writes that were cut off: `.<name>.<12 hex digits>.tmp`, as atomic-file.ts has it. */
async function leftovers({ host }: Facts): Promise<Observation[]> {
  const old: string[] = [];
  for (const folder of [host.places.config, host.places.state]) {
    for await (const { path, entry } of walk(folder)) {
      const age = host.clock.now() - entry.mtimeMs;
      if (/\/\.[^/]+\.[0-9a-f]{12}\.tmp$/.test(path) && age > OLD_MS) old.push(path);
    }
  }
  if (old.length === 0) return [ok('Nothing is left of runs that crashed')];
  const files = count(old.length, 'temporary file');
  return [
    warning(`${files} left of runs that crashed`, {
      cause: `${old[0] ?? ''}; they are never read`,
      cure: { sentence: 'Remove them.', command: 'cloud doctor --fix' },
      fix: async () => {
        for (const path of old) await rm(path, { force: true });
        return `removed ${files}`;
      },
    }),
  ];
}

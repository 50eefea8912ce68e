import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { readTextIfExists, writeFileAtomic } from '../../platform/atomic-file.ts';
import { compareVersions, RCLONE_FLOOR, type Rclone } from '../rclone.ts';
import { isProgramOnPath } from '../search-path.ts';
import {
  formatAptSource,
  parseAptSources,
  releaseArchives,
  type AptArchive,
} from './apt-sources.ts';
import { installPrivately } from './private-install.ts';
import { runProgram } from './program.ts';
import type { InstallContext, InstallStep } from './step.ts';

/** Where the newest packages of a distribution are, by the `ID` of os-release(5). */
const NEWEST: Partial<Record<string, { suite: string; component: string }>> = {
  debian: { suite: 'sid', component: 'main' },
  ubuntu: { suite: 'devel', component: 'universe' },
};

/**
 * The package of Debian or Ubuntu, downloaded and verified by apt itself, unpacked into our own
 * folder: no root, and nothing of the system changes. Where the machine's release is too old, the
 * package of the newest suite is taken from the mirror that the machine's own sources name, with
 * lists in a private folder and the machine's own keys.
 */
export function aptPackage(etc = '/etc'): InstallStep {
  return {
    method: 'apt',
    title: 'the package of your distribution, unpacked privately',
    byHand: undefined,
    unusable: async ({ host }) => {
      if (host.platform !== 'linux') return 'only on Linux';
      for (const program of ['apt-get', 'apt-cache', 'dpkg-deb']) {
        if (!(await isProgramOnPath(program, host))) return `${program} is not here`;
      }
      return undefined;
    },
    install: (context) => installFromApt(context, etc),
  };
}

async function installFromApt(context: InstallContext, etc: string): Promise<Rclone> {
  return installPrivately(context, async (binary, scratch) => {
    const own = await candidate(context, []);
    if (own !== undefined && isOfUse(own, context)) {
      return unpack(context, {
        options: [],
        version: own,
        suite: 'its own release',
        binary,
        scratch,
      });
    }
    const system = await readSystem(etc);
    const newest = NEWEST[system.id];
    if (newest === undefined) {
      throw unfit(`apt offers ${own ?? 'no rclone'}, and of ${system.id} no newer suite is known`);
    }
    const archives = releaseArchives(system.archives, system.codename, newest.component);
    let failure: unknown = unfit("no mirror is named in apt's own sources");
    for (const archive of archives) {
      try {
        const options = await privateLists(context, { archive, ...newest, scratch });
        const version = await candidate(context, options);
        if (version === undefined || !isOfUse(version, context)) {
          throw unfit(`${newest.suite} has ${version ?? 'no rclone'}`);
        }
        return await unpack(context, { options, version, suite: newest.suite, binary, scratch });
      } catch (error) {
        context.signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  });
}

/** `1.75.2` of a package version like `1.75.2+dfsg-2`, with the whole of it. */
function upstreamVersion(version: string): string {
  return /^(?:\d+:)?(\d+\.\d+\.\d+)/.exec(version)?.[1] ?? '0.0.0';
}

function isOfUse(version: string, { newerThan }: InstallContext): boolean {
  const upstream = upstreamVersion(version);
  if (compareVersions(upstream, RCLONE_FLOOR) < 0) return false;
  return newerThan === undefined || compareVersions(upstream, newerThan) > 0;
}

async function candidate(
  context: InstallContext,
  options: readonly string[],
): Promise<string | undefined> {
  const policy = await runProgram(context, ['apt-cache', ...options, 'policy', 'rclone']);
  const version = /^\s*Candidate:\s*(\S+)/m.exec(policy)?.[1];
  return version === '(none)' ? undefined : version;
}

interface System {
  id: string;
  codename: string;
  archives: AptArchive[];
}

async function readSystem(etc: string): Promise<System> {
  const release = (await readTextIfExists(join(etc, 'os-release'))) ?? '';
  const value = (key: string): string =>
    new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1] ?? '';
  const folder = join(etc, 'apt', 'sources.list.d');
  const parts = await readdir(folder).catch(() => []);
  const files = [
    join(etc, 'apt', 'sources.list'),
    ...parts.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(folder, name)),
  ];
  const archives: AptArchive[] = [];
  for (const file of files) {
    archives.push(...parseAptSources(file, await readFile(file, 'utf8').catch(() => '')));
  }
  return { id: value('ID'), codename: value('VERSION_CODENAME'), archives };
}

/** Fetches the lists of one suite into `scratch`; returns the options that make apt use them. */
async function privateLists(
  context: InstallContext,
  from: { archive: AptArchive; suite: string; component: string; scratch: string },
): Promise<string[]> {
  const { archive, suite, component, scratch } = from;
  const source = join(scratch, `${suite}.sources`);
  const lists = join(scratch, 'lists');
  const cache = join(scratch, 'cache');
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true });
  await writeFileAtomic(source, formatAptSource(archive, suite, component));
  const settings = {
    'Dir::Etc::sourcelist': source,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State::Lists': lists,
    'Dir::Cache': cache,
    'APT::Default-Release': suite,
    // apt gives up root for downloads, and that user cannot write into our folder.
    'APT::Sandbox::User': rootOrNobody(),
    // What the machine's own settings may loosen stays tight here.
    'Acquire::AllowInsecureRepositories': 'false',
    'Acquire::AllowDowngradeToInsecureRepositories': 'false',
    'APT::Get::AllowUnauthenticated': 'false',
    'APT::Update::Error-Mode': 'any',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '15',
    'Acquire::https::Timeout': '15',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  await runProgram(context, ['apt-get', ...options, 'update'], { timeoutMs: 180_000 });
  return options;
}

function rootOrNobody(): string {
  return process.getuid?.() === 0 ? 'root' : '_apt';
}

async function unpack(
  context: InstallContext,
  from: { options: string[]; version: string; suite: string; binary: string; scratch: string },
): Promise<string> {
  const { options, version, suite, binary, scratch } = from;
  const folder = join(scratch, 'package');
  await mkdir(folder, { recursive: true });
  await runProgram(context, ['apt-get', ...options, 'download', `rclone=${version}`], {
    cwd: folder,
  });
  const deb = (await readdir(folder)).find((name) => name.endsWith('.deb'));
  if (deb === undefined) throw unfit('apt downloaded nothing');
  await runProgram(context, ['dpkg-deb', '-x', join(folder, deb), join(scratch, 'unpacked')]);
  await copyFile(join(scratch, 'unpacked', 'usr', 'bin', 'rclone'), binary);
  return `package rclone ${version} from ${suite}`;
}

function unfit(reason: string): AbortError {
  return new AbortError('apt-unfit', `${reason}.`, { exitCode: ExitCode.rclone });
}

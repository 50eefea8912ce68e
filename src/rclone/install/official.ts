import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compareVersions } from '../rclone.ts';
import { binaryName } from '../private-copy.ts';
import { AbortError, BugError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { download, publicAddress } from './download.ts';
import { downloadFolder, installPrivately } from './private-install.ts';
import {
  archiveFor,
  OFFICIAL_SITE,
  PUBLISHER_SITES,
  RELEASE,
  type Archive,
  type Release,
} from './release.ts';
import type { InstallContext, InstallStep } from './step.ts';
import { extractOne } from './unzip.ts';

/**
 * The publisher's zip for this system and processor, by pinned checksum; no root needed. From the
 * mirror alone where one is named, else from the first of the publisher's sites that has it.
 */
export function officialZip(
  release: Release = RELEASE,
  sites: readonly string[] = PUBLISHER_SITES,
): InstallStep {
  return {
    method: 'official',
    title: `rclone ${release.version} from its publisher`,
    byHand: undefined,
    unusable: (context) => {
      if (
        context.newerThan !== undefined &&
        compareVersions(release.version, context.newerThan) <= 0
      )
        return Promise.resolve(`${release.version} is not newer`);
      const { platform } = context.host;
      return Promise.resolve(
        archiveFor({ platform, arch: context.arch }, OFFICIAL_SITE, release) === undefined
          ? `no release is pinned for ${platform}-${context.arch}`
          : undefined,
      );
    },
    install: async (context) => {
      const places = context.mirror === undefined ? sites : [context.mirror];
      const archives = places.map((site) => archiveOf(context, release, site));
      const { archive, zip } = await firstDownloaded(context, archives);
      const rclone = await installPrivately(context, async (binary) => {
        await extractOne(zip, `${archive.name}/${binaryName(context.host)}`, binary);
        return publicAddress(archive.url);
      });
      await rm(zip, { force: true });
      return rclone;
    },
  };
}

/** What a broken transfer from one site left is continued from the next: the file is the same. */
async function firstDownloaded(
  context: InstallContext,
  archives: readonly Archive[],
): Promise<{ archive: Archive; zip: string }> {
  const { host, signal, report } = context;
  const failures: AbortError[] = [];
  for (const archive of archives) {
    const zip = join(await downloadFolder(context), `${archive.name}.zip`);
    try {
      await download({
        ...{ url: archive.url, path: zip, sha256: archive.sha256, env: host.env },
        ...{ clock: host.clock, signal },
        onProgress: (received, total) => report({ type: 'download', received, total }),
      });
      return { archive, zip };
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      failures.push(error);
      const isLast = failures.length === archives.length;
      if (!isLast) report({ type: 'passed-over', method: 'official', reason: error.message });
    }
  }
  // What is wrong with a file says more than that a site is out of reach.
  const telling = failures.find(({ code }) => code !== 'download-failed') ?? failures[0];
  if (telling === undefined) throw new BugError('there is no site to download from');
  const { code, exitCode, cause } = telling;
  throw new AbortError(code, failures.map(({ message }) => message).join(' '), { exitCode, cause });
}

function archiveOf({ host, arch }: InstallContext, release: Release, site: string): Archive {
  if (!/^https?:\/\/./.test(site) || !URL.canParse(site)) {
    throw new AbortError('usage', 'That is not the address of a mirror.', {
      exitCode: ExitCode.usage,
      suggestions: ['Use the form https://mirror.example/rclone'],
    });
  }
  const archive = archiveFor({ platform: host.platform, arch }, site, release);
  if (archive !== undefined) return archive;
  throw new AbortError('rclone-no-release', `No release is pinned for ${host.platform}-${arch}.`, {
    exitCode: ExitCode.rclone,
  });
}

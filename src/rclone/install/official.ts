import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compareVersions } from '../rclone.ts';
import { binaryName } from '../private-copy.ts';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { download, publicAddress } from './download.ts';
import { downloadFolder, installPrivately } from './private-install.ts';
import { archiveFor, OFFICIAL_SITE, RELEASE, type Archive, type Release } from './release.ts';
import type { InstallContext, InstallStep } from './step.ts';
import { extractOne } from './unzip.ts';

/** The publisher's zip for this system and processor, by pinned checksum; no root needed. */
export function officialZip(release: Release = RELEASE): InstallStep {
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
      const archive = archiveOf(context, release);
      const zip = join(await downloadFolder(context), `${archive.name}.zip`);
      await download({
        url: archive.url,
        path: zip,
        sha256: archive.sha256,
        env: context.host.env,
        clock: context.host.clock,
        signal: context.signal,
        onProgress: (received, total) => context.report({ type: 'download', received, total }),
      });
      const rclone = await installPrivately(context, async (binary) => {
        await extractOne(zip, `${archive.name}/${binaryName(context.host)}`, binary);
        return publicAddress(archive.url);
      });
      await rm(zip, { force: true });
      return rclone;
    },
  };
}

function archiveOf({ host, arch, mirror }: InstallContext, release: Release): Archive {
  const site = mirror ?? OFFICIAL_SITE;
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

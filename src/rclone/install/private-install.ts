import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import {
  ensurePrivateFolder,
  replaceFile,
  syncFolder,
  writeFileAtomic,
} from '../../platform/atomic-file.ts';
import { binaryName, currentCopyPath, privateFolder, type CurrentCopy } from '../private-copy.ts';
import { probeRclone } from '../probe.ts';
import type { Rclone } from '../rclone.ts';
import type { InstallContext } from './step.ts';

const STAGING = '.staging-';
const DOWNLOADS = 'downloads';

/** Where broken downloads wait to be continued. */
export async function downloadFolder(context: InstallContext): Promise<string> {
  const folder = join(privateFolder(context.host), DOWNLOADS);
  await ensurePrivateFolder(folder);
  return folder;
}

/**
 * Installs a private copy: `provide` puts the binary at the path it is given and says where it
 * came from. The binary is probed before anything changes; then one small file is replaced
 * atomically, and older copies are removed. On any error the copy in use stays as it was.
 */
export async function installPrivately(
  context: InstallContext,
  provide: (binary: string, scratch: string) => Promise<string>,
): Promise<Rclone> {
  const { host } = context;
  const root = privateFolder(host);
  await ensurePrivateFolder(root);
  const staging = await mkdtemp(join(root, STAGING));
  try {
    const scratch = await mkdtemp(join(staging, 'scratch-'));
    const source = await provide(join(staging, binaryName(host)), scratch);
    await rm(scratch, { recursive: true, force: true });
    await chmod(join(staging, binaryName(host)), 0o755);
    const found = await checked(join(staging, binaryName(host)), context);
    const folder = `${found.version}-${basename(staging).slice(STAGING.length)}`;
    await replaceFile(staging, join(root, folder));
    await syncFolder(root);
    await switchTo(context, { folder, version: found.version, source });
    return { ...found, path: join(root, folder, binaryName(host)), origin: 'private' };
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    throw error;
  }
}

async function checked(
  path: string,
  { host, newerThan }: InstallContext,
): Promise<Pick<Rclone, 'version' | 'capabilities'>> {
  const probe = await probeRclone(path, host);
  if (!probe.fit) {
    throw new AbortError('rclone-unfit', `What was downloaded is not suitable: ${probe.reason}.`, {
      exitCode: ExitCode.rclone,
    });
  }
  if (newerThan !== undefined && probe.version === newerThan) {
    throw new AbortError('rclone-not-newer', `${probe.version} is not newer.`, {
      exitCode: ExitCode.rclone,
    });
  }
  return { version: probe.version, capabilities: probe.capabilities };
}

/** From here on the new copy is in use; the older ones go. */
async function switchTo(
  { host }: InstallContext,
  copy: Omit<CurrentCopy, 'installedAt'>,
): Promise<void> {
  const root = privateFolder(host);
  const current: CurrentCopy = { ...copy, installedAt: new Date(host.clock.now()).toISOString() };
  await writeFileAtomic(currentCopyPath(host), JSON.stringify(current, null, 2));
  for (const name of await readdir(root)) {
    if (name === copy.folder || name === basename(currentCopyPath(host))) continue;
    // Windows keeps a binary that still runs; the next installation removes it.
    await rm(join(root, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

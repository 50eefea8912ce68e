import { join } from 'node:path';
import { parse, stringify } from 'ini';
import { AbortError, BugError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { acquireLock } from '../platform/lock.ts';
import { remoteSettings, type S3Location } from './remote-settings.ts';

/** Our own configuration file for rclone; the person's `rclone.conf` is never read or written. */
export function rcloneConfigPath(host: Host): string {
  return join(host.places.config, 'rclone.conf');
}

/**
 * Adds or replaces one remote in our configuration file (0600) and keeps the others. There is no
 * secret in it: `env_auth` makes rclone take the keys from its environment.
 *
 * @returns the file's path, for `--config`
 * @throws AbortError `rclone-config-damaged` when the file is not one of ours any more
 */
export async function writeRemote(
  host: Host,
  remote: S3Location & { name: string },
): Promise<string> {
  if (!/^[A-Za-z0-9_-]+$/.test(remote.name)) {
    throw new BugError(`not a name for an rclone remote: ${remote.name}`);
  }
  const path = rcloneConfigPath(host);
  await ensurePrivateFolder(host.places.config);
  const lock = await acquireLock(join(host.places.state, 'locks', 'rclone-config.lock'), {
    command: 'writing rclone.conf',
    waitMs: 5000,
    clock: host.clock,
  });
  try {
    const before = await readTextIfExists(path);
    const sections = before === undefined ? {} : parseSections(path, before);
    sections[remote.name] = { ...remoteSettings(remote), env_auth: 'true' };
    const after = stringify(sections, { whitespace: true });
    if (after !== before) await writeFileAtomic(path, after);
  } finally {
    lock.release();
  }
  return path;
}

function parseSections(path: string, text: string): Record<string, unknown> {
  if (isEncryptedConfig(text)) {
    throw new AbortError('rclone-config-damaged', `${path} is encrypted; it is a file of ours.`, {
      exitCode: ExitCode.needsPerson,
      suggestions: ['Move it away and run this again; it is written anew.'],
    });
  }
  return parse(text);
}

/** rclone's own mark at the head of an encrypted configuration. */
export function isEncryptedConfig(text: string): boolean {
  const first = text.split(/\r?\n/).find((line) => line.trim() !== '' && !/^[#;]/.test(line));
  return first?.startsWith('RCLONE_ENCRYPT_V') === true;
}

import { mkdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { isErrno, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import { configFileArgv } from './argv.ts';
import { isEncryptedConfig } from './config-file.ts';
import { readSection, setSection } from './config-text.ts';
import { rcloneEnvironment, type S3Keys } from './environment.ts';
import { findRclone } from './find.ts';
import { remoteSettings, type S3Location } from './remote-settings.ts';
import { runRclone } from './run.ts';

export interface ExportRequest {
  /** Name of the remote in the person's own rclone.conf. */
  name: string;
  location: S3Location;
  /** Written in plain text, as rclone does; without them rclone takes them from its environment. */
  keys: S3Keys | undefined;
  /** Asked before a remote of that name that points elsewhere is changed. */
  confirm: (question: string) => Promise<boolean>;
}

export interface ExportResult {
  path: string;
  remote: string;
  change: 'added' | 'replaced' | 'unchanged';
  /** Copy of the file as it was before; undefined when nothing was there or changed. */
  backup: string | undefined;
  withKeys: boolean;
}

/**
 * Puts one remote into the person's own rclone.conf: the one that `RCLONE_CONFIG` names, else the
 * one that rclone itself would use. Comments, order and everything else in the file stay.
 *
 * @throws AbortError `rclone-config-encrypted` (exit code 78), `not-replaced` (1), `usage` (2)
 */
export async function exportRemote(request: ExportRequest, host: Host): Promise<ExportResult> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.+@-]*$/.test(request.name)) {
    throw new AbortError('usage', `rclone takes no remote named ${request.name}.`, {
      exitCode: ExitCode.usage,
      suggestions: ['Use letters, digits, - and _.'],
    });
  }
  const path = await userConfigPath(host);
  const before = await readBytes(path);
  // One character a byte: whatever encoding the file has, what is not changed stays as it is.
  const text = before?.toString('latin1') ?? '';
  if (isEncryptedConfig(text)) throw encrypted(path);
  const present = readSection(text, request.name);
  if (present !== undefined && !pointsTo(present, request.location)) {
    const agreed = await request.confirm(
      `${path} has a remote ${request.name} that points elsewhere and would be replaced.`,
    );
    if (!agreed) throw new AbortError('not-replaced', `Nothing was changed in ${path}.`);
  }
  const after = setSection(text, request.name, sectionValues(request));
  const result = { path, remote: request.name, withKeys: request.keys !== undefined };
  if (after === text) return { ...result, change: 'unchanged', backup: undefined };
  const backup = before === undefined ? undefined : await backUp(path, before, host);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, Buffer.from(after, 'latin1'));
  return { ...result, change: present === undefined ? 'added' : 'replaced', backup };
}

function sectionValues({ location, keys }: ExportRequest): Record<string, string | undefined> {
  return {
    ...remoteSettings(location),
    env_auth: keys === undefined ? 'true' : undefined,
    access_key_id: keys?.accessKeyId,
    secret_access_key: keys?.secretAccessKey,
  };
}

function pointsTo(section: Map<string, string>, location: S3Location): boolean {
  return section.get('type') === 's3' && section.get('endpoint') === location.endpoint;
}

/** A link, as people with their settings in a repository have it, stays a link. */
async function userConfigPath(host: Host): Promise<string> {
  const named = host.env['RCLONE_CONFIG'] ?? '';
  const path = resolve(named === '' ? await askRclone(host) : named);
  return realpath(path).catch(() => path);
}

async function askRclone(host: Host): Promise<string> {
  const rclone = await findRclone({}, host);
  const { RCLONE_CONFIG: _none, ...env } = rcloneEnvironment(host.env);
  const { exitCode, stdout, tail } = await runRclone(rclone, configFileArgv(), { env });
  const path = stdout.trim().split(/\r?\n/).at(-1) ?? '';
  if (exitCode === 0 && path !== '') return path;
  throw new AbortError('rclone-unfit', 'rclone does not say where its configuration is.', {
    exitCode: ExitCode.rclone,
    suggestions: ['Name the file with RCLONE_CONFIG.'],
    details: { lastWords: tail.slice(-3) },
  });
}

async function readBytes(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function backUp(path: string, bytes: Buffer, host: Host): Promise<string> {
  const time = new Date(host.clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
  const { mode } = await stat(path);
  // Two exports in one second: the earlier backup is the one that a person will want.
  for (let count = 1; ; count += 1) {
    const backup = `${path}.backup-${time}${count === 1 ? '' : `-${count}`}`;
    if ((await readBytes(backup)) !== undefined) continue;
    await writeFileAtomic(backup, bytes, { mode: mode & 0o600 });
    return backup;
  }
}

function encrypted(path: string): AbortError {
  return new AbortError('rclone-config-encrypted', `${path} is encrypted; it was not changed.`, {
    exitCode: ExitCode.needsPerson,
    suggestions: [
      'RCLONE_CONFIG=/path/of/another.conf cloud rclone export',
      'rclone config encryption remove, then run this again.',
    ],
  });
}

import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { ensurePrivateFolder, readTextIfExists, writeFileAtomic } from '../platform/atomic-file.ts';
import type { Host } from '../platform/host.ts';
import {
  fullestArgvs,
  helpArgv,
  versionArgv,
  type HelpOfCommand,
  type RcloneArgv,
} from './argv.ts';
import { capabilitiesOf, parseCommands, type HelpTexts } from './capabilities.ts';
import { rcloneEnvironment } from './environment.ts';
import { MOUNT_FLAGS } from './mount-options.ts';
import { compareVersions, parseRcloneVersion, RCLONE_FLOOR, type Rclone } from './rclone.ts';

/** How long a probe may take, in milliseconds: a healthy one needs a tenth of a second. */
const PROBE_TIMEOUT = 15_000;

/** What is kept about a binary, so that it is asked once and not at every command. */
const probedSchema = z.object({
  size: z.number(),
  mtimeMs: z.number(),
  ctimeMs: z.number(),
  version: z.string(),
  capabilities: z.object({
    rcd: z.boolean(),
    bisync: z.boolean(),
    mount: z.boolean(),
    nfsmount: z.boolean(),
  }),
});
type Probed = z.infer<typeof probedSchema>;
/** What the binaries were asked, so that the answer to an older question is not taken. */
const question = createHash('sha256')
  .update(JSON.stringify([fullestArgvs(), MOUNT_FLAGS]))
  .digest('hex');
const cacheSchema = z.object({
  question: z.literal(question),
  binaries: z.record(z.string(), probedSchema),
});

export type ProbeResult =
  | { fit: true; version: string; capabilities: Rclone['capabilities'] }
  | { fit: false; reason: string; version?: string };

/**
 * Asks the binary at `path` who it is and what it can do; the answer is cached by the file's
 * identity: real path, size, modification time, and the change time, which nobody can set back;
 * `fresh` asks anew. A binary that crashes, hangs or prints nonsense is unfit, with the reason.
 */
export async function probeRclone(
  path: string,
  host: Host,
  options: { fresh?: boolean } = {},
): Promise<ProbeResult> {
  let key: string;
  let identity: Identity;
  try {
    key = await realpath(path);
    const file = await stat(key);
    if (!file.isFile()) return { fit: false, reason: 'not a file' };
    identity = { size: file.size, mtimeMs: file.mtimeMs, ctimeMs: file.ctimeMs };
  } catch {
    return { fit: false, reason: 'no such file' };
  }
  const cache = await readCache(host);
  const cached = options.fresh === true ? undefined : cache[key];
  if (cached !== undefined && isSame(cached, identity)) return judge(cached);
  const asked = await ask(key, host);
  if ('reason' in asked) return { fit: false, reason: asked.reason };
  const probed: Probed = { ...identity, ...asked };
  await writeCache(host, { ...cache, [key]: probed });
  return judge(probed);
}

type Identity = Pick<Probed, 'size' | 'mtimeMs' | 'ctimeMs'>;

function isSame(one: Identity, other: Identity): boolean {
  return one.size === other.size && one.mtimeMs === other.mtimeMs && one.ctimeMs === other.ctimeMs;
}

function judge({ version, capabilities }: Probed): ProbeResult {
  if (compareVersions(version, RCLONE_FLOOR) < 0) {
    return { fit: false, version, reason: `version ${version} is older than ${RCLONE_FLOOR}` };
  }
  const lacking = (['bisync', 'rcd'] as const).filter((name) => !capabilities[name]);
  if (lacking.length > 0) {
    return {
      fit: false,
      version,
      reason: `this build of ${version} lacks ${lacking.join(' and ')}, or flags of it`,
    };
  }
  return { fit: true, version, capabilities };
}

type Answer = Pick<Probed, 'version' | 'capabilities'>;

async function ask(path: string, host: Host): Promise<Answer | { reason: string }> {
  const first = await output(path, versionArgv(), host);
  const version = first.ok ? parseRcloneVersion(first.stdout) : undefined;
  if (version === undefined) {
    return { reason: first.ok ? 'does not answer like rclone' : first.reason };
  }
  return { version, capabilities: capabilitiesOf(await helpTexts(path, host)) };
}

/** All that rcd takes is among the flags that every command takes; the others are asked for theirs. */
const WITH_FLAGS: readonly HelpOfCommand[] = ['bisync', 'mount', 'cmount', 'nfsmount'];

async function helpTexts(path: string, host: Host): Promise<HelpTexts> {
  const read = async (of: Parameters<typeof helpArgv>[0]): Promise<string> => {
    const answer = await output(path, helpArgv(of), host);
    return answer.ok ? answer.stdout : '';
  };
  const [help, flags] = await Promise.all([read('commands'), read('flags')]);
  const there = parseCommands(help);
  const commands = await Promise.all(
    WITH_FLAGS.filter((name) => there.has(name)).map(
      async (name) => [name, await read(name)] as const,
    ),
  );
  return { help, flags, commands: Object.fromEntries(commands) };
}

type Output = { ok: true; stdout: string } | { ok: false; reason: string };

function output(path: string, argv: RcloneArgv, host: Host): Promise<Output> {
  return new Promise((resolve) => {
    execFile(
      path,
      argv,
      {
        env: rcloneEnvironment(host.env),
        timeout: PROBE_TIMEOUT,
        killSignal: 'SIGKILL',
        maxBuffer: 4 * 1024 * 1024,
        windowsHide: true,
      },
      (error, stdout) => {
        if (error === null) resolve({ ok: true, stdout });
        else resolve({ ok: false, reason: failure(error) });
      },
    ).stdin?.end();
  });
}

function failure(error: Error & { code?: unknown; signal?: unknown; killed?: boolean }): string {
  if (error.killed === true) return `gave no answer in ${PROBE_TIMEOUT / 1000} s`;
  if (typeof error.signal === 'string') return `crashed (${error.signal})`;
  if (typeof error.code === 'number') return `ended with exit code ${error.code}`;
  return `cannot be started (${String(error.code)})`;
}

function cachePath(host: Host): string {
  return join(host.places.state, 'rclone-probe.json');
}

async function readCache(host: Host): Promise<Record<string, Probed>> {
  try {
    const text = (await readTextIfExists(cachePath(host))) ?? '';
    const parsed = cacheSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.binaries : {};
  } catch {
    return {};
  }
}

async function writeCache(host: Host, binaries: Record<string, Probed>): Promise<void> {
  try {
    await ensurePrivateFolder(host.places.state);
    const present = Object.entries(binaries).filter(([path]) => existsSync(path));
    const cache = { question, binaries: Object.fromEntries(present) };
    await writeFileAtomic(cachePath(host), JSON.stringify(cache));
  } catch {
    // A state folder that cannot be written costs a tenth of a second at each command, no more.
  }
}

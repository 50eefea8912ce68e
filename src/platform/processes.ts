import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { here } from './platform.ts';

/**
 * A process as it can be recognised later. A pid alone is reused by the system; with the start
 * time it is not. `startedAt` is opaque: compare it, do not parse it.
 */
export interface ProcessIdentity {
  pid: number;
  startedAt: string;
}

/** The identity of a running process, or undefined when there is none with this pid. */
export function identifyProcess(
  pid: number,
  platform: NodeJS.Platform = here.name,
): ProcessIdentity | undefined {
  const startedAt = startTime(pid, platform);
  return startedAt === undefined ? undefined : { pid, startedAt };
}

export function currentProcess(): ProcessIdentity {
  return identifyProcess(process.pid) ?? { pid: process.pid, startedAt: 'unknown' };
}

/** Whether this very process still runs: same pid and same start time. */
export function isRunning(
  identity: ProcessIdentity,
  platform: NodeJS.Platform = here.name,
): boolean {
  return startTime(identity.pid, platform) === identity.startedAt;
}

/**
 * Sends a signal to this very process; false when it no longer runs. Never signals by name. On Windows
 * every signal ends it at once, so whoever wants it to end in order asks it first.
 */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isRunning(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}

function startTime(pid: number, platform: NodeJS.Platform): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (platform === 'linux') return linuxStartTime(pid);
  // The other systems are asked by a program, which takes its time.
  if (!exists(pid)) return undefined;
  switch (platform) {
    case 'win32':
      return firstLine('powershell.exe', [
        '-NoProfile',
        '-NonInteractive',
        '-Command',
        `(Get-Process -Id ${pid} -ErrorAction Stop).StartTime.ToUniversalTime().ToString('o')`,
      ]);
    default:
      return firstLine('ps', ['-o', 'lstart=', '-p', String(pid)]);
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // Somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** proc_pid_stat(5): field 22 is the start in clock ticks since boot; field 3 'Z' is a zombie. */
function linuxStartTime(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command name is in brackets and may itself hold brackets and spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  const ticks = fields[19];
  return ticks === undefined ? undefined : `${bootId()}:${ticks}`;
}

let cachedBootId: string | undefined;
/** Ticks are counted from boot, so the same pid and ticks may come again after a reboot. */
function bootId(): string {
  if (cachedBootId === undefined) {
    try {
      cachedBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 8);
    } catch {
      cachedBootId = 'boot';
    }
  }
  return cachedBootId;
}

function firstLine(command: string, args: string[]): string | undefined {
  try {
    const text = execFileSync(command, args, {
      encoding: 'utf8',
      timeout: 5000,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    }).trim();
    return text === '' ? undefined : text;
  } catch {
    return undefined;
  }
}

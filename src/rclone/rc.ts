import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { spawn, type ChildProcess } from 'node:child_process';
import * as z from 'zod/mini';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { redact } from '../output/redact.ts';
import { ensurePrivateFolder } from '../platform/atomic-file.ts';
import { systemClock } from '../platform/clock.ts';
import { here, type Platform } from '../platform/platform.ts';
import { privateAddress } from '../platform/private-address.ts';
import { identifyProcess, type ProcessIdentity } from '../platform/processes.ts';
import { rcdArgv } from './argv.ts';
import { parseLogLine, type RcloneLogEvent } from './log.ts';
import { createRcClient, type RcAddress, type RcClient } from './rc-client.ts';
import type { Rclone } from './rclone.ts';

export interface RcdOptions {
  /** A folder of ours for the socket; made 0700. */
  socketFolder: string;
  /** `rcloneEnvironment(host.env)`, without keys: they are told over the socket. */
  env: NodeJS.ProcessEnv;
  /** Where the VFS caches lie. */
  cacheDir: string;
  /** Aborting stops the daemon. */
  signal?: AbortSignal;
  onLog?: (event: RcloneLogEvent) => void;
  /**
   * Lets the daemon go on when this process dies: it logs to this file instead of a pipe, whose
   * closing would end it, and is out of reach of the terminal's signals. `onLog` then hears
   * nothing. Not on Windows, where neither happens.
   */
  outliveWithLog?: string;
  /** Uploads at once. Default: rclone's own, 4. */
  transfers?: number;
  /**
   * The descriptor of a listening socket that it holds open for as long as it lives, without listening itself: so
   * nobody else can take that port when this process dies. Not on Windows.
   */
  holdOpen?: number | undefined;
  /** How long it may take to answer its first call, in milliseconds. Default 15 seconds. */
  readyWithinMs?: number;
  /** Default: the one that this process runs on. */
  platform?: Pick<Platform, 'unix'>;
}

/** A running `rclone rcd` that this process started. */
export interface RcDaemon extends RcClient {
  identity: ProcessIdentity;
  /** For `createRcClient` in another process. */
  address: RcAddress;
  /** Resolves when the process is gone, with its last words, redacted. Never rejects. */
  exited: Promise<{ exitCode: number | undefined; tail: string[] }>;
  /** Asks it to end and waits; kills it after `withinMs` (default 10 seconds). Unmount first. */
  stop(withinMs?: number): Promise<void>;
}

/**
 * Starts `rclone rcd` and returns when it answers. It listens on a Unix socket in a 0700 folder;
 * on Windows on a loopback port with a random password, which it gets by its environment.
 *
 * @throws AbortError `rclone-daemon` (exit code 12) when it ends or does not answer
 */
export async function startRcd(
  rclone: Pick<Rclone, 'path'>,
  options: RcdOptions,
): Promise<RcDaemon> {
  options.signal?.throwIfAborted();
  await ensurePrivateFolder(options.socketFolder);
  const listen = await ((options.platform ?? here).unix
    ? socket(options.socketFolder)
    : loopback());
  const child = spawnRcd(rclone.path, listen, options);
  const log = followLog(child, options.onLog);
  const exited = exitOf(child, log.tail, listen.remove);
  const stop = stopper(child, exited);
  try {
    const address = await addressOf(listen, log.port, exited, options);
    if (address === undefined) throw await notStarted(child, exited);
    const client = createRcClient(address);
    const identity = await ready(child, client, exited, options);
    options.signal?.addEventListener('abort', () => void stop(), { once: true });
    return { ...client, identity, address, exited, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

function spawnRcd(path: string, listen: Listening, options: RcdOptions): ChildProcess {
  const { unix } = options.platform ?? here;
  const logFile = unix ? options.outliveWithLog : undefined;
  const argv = rcdArgv({
    address: listen.flag,
    openToSocketOwner: listen.password === undefined,
    cacheDir: options.cacheDir,
    ...(logFile === undefined ? {} : { logFile }),
    ...(options.transfers === undefined ? {} : { transfers: options.transfers }),
  });
  const env = { ...options.env, ...listen.env };
  if (logFile === undefined) {
    return spawn(path, argv, { env, stdio: ['ignore', 'ignore', 'pipe'], windowsHide: true });
  }
  // What it says before it opens its log (a usage error, a panic) belongs there too.
  const early = openSync(logFile, 'a', 0o600);
  try {
    const held = options.holdOpen === undefined ? [] : [options.holdOpen];
    return spawn(path, argv, { env, stdio: ['ignore', 'ignore', early, ...held], detached: true });
  } finally {
    closeSync(early);
  }
}

interface Listening {
  flag: string;
  env: NodeJS.ProcessEnv;
  password: string | undefined;
  address: (port: Promise<number>) => Promise<RcAddress>;
  remove: () => Promise<void>;
}

async function socket(folder: string): Promise<Listening> {
  const name = `rcd-${randomBytes(4).toString('hex')}`;
  const { address: socketPath, remove } = await privateAddress(folder, { name, secret: name });
  return {
    flag: `unix://${socketPath}`,
    env: {},
    password: undefined,
    address: () => Promise.resolve({ socketPath }),
    remove,
  };
}

function loopback(): Promise<Listening> {
  const user = 'cloud';
  const password = randomBytes(24).toString('base64url');
  return Promise.resolve({
    flag: '127.0.0.1:0',
    env: { RCLONE_RC_USER: user, RCLONE_RC_PASS: password },
    password,
    address: async (port: Promise<number>) => ({ port: await port, user, password }),
    remove: () => Promise.resolve(),
  });
}

const TAIL_LINES = 40;
const READY_WITHIN_MS = 15_000;

function followLog(
  child: ChildProcess,
  onLog: RcdOptions['onLog'],
): { tail: string[]; port: Promise<number> } {
  const tail: string[] = [];
  const port = new Promise<number>((resolve) => {
    if (child.stderr === null) return;
    createInterface({ input: child.stderr }).on('line', (line) => {
      const event = parseLogLine(line);
      if (event.type !== 'stats') tail.push(redact(event.message.trimEnd()));
      if (tail.length > TAIL_LINES) tail.shift();
      const address = /Serving remote control on http:\/\/127\.0\.0\.1:(\d+)/.exec(event.message);
      if (address !== null) resolve(Number(address[1]));
      onLog?.(event);
    });
  });
  return { tail, port };
}

function exitOf(
  child: ChildProcess,
  tail: string[],
  remove: () => Promise<void>,
): RcDaemon['exited'] {
  return new Promise((resolve) => {
    const gone = (exitCode: number | undefined): void => {
      const end = (): void => resolve({ exitCode, tail });
      remove().then(end, end);
    };
    child.once('close', (code) => gone(code ?? undefined));
    child.once('error', (error) => {
      tail.push(error.message);
      if (child.pid === undefined) gone(undefined);
    });
  });
}

function stopper(child: ChildProcess, exited: RcDaemon['exited']): RcDaemon['stop'] {
  return async (withinMs = 10_000) => {
    // The handle is ours and unreaped, so no other process can have this pid.
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
    try {
      await exited;
    } finally {
      clearTimeout(timer);
    }
  };
}

const pidSchema = z.object({ pid: z.number() });

/** Asks until it answers, and that it is this very child who answers. */
async function ready(
  child: ChildProcess,
  client: RcClient,
  exited: RcDaemon['exited'],
  { readyWithinMs = READY_WITHIN_MS, signal }: RcdOptions,
): Promise<ProcessIdentity> {
  const deadline = systemClock.now() + readyWithinMs;
  while (child.pid !== undefined && !hasEnded(child) && systemClock.now() < deadline) {
    signal?.throwIfAborted();
    const answer = await client
      .call('core/pid', {}, pidSchema, { timeoutMs: 2000 })
      .catch(() => undefined);
    const identity = answer?.pid === child.pid ? identifyProcess(child.pid) : undefined;
    if (identity !== undefined) return identity;
    await systemClock.sleep(10, signal);
  }
  throw await notStarted(child, exited);
}

/** Undefined when it ends, or says nothing, before it has told its port. */
async function addressOf(
  listen: Listening,
  port: Promise<number>,
  exited: RcDaemon['exited'],
  { readyWithinMs = READY_WITHIN_MS, signal }: RcdOptions,
): Promise<RcAddress | undefined> {
  const told = new AbortController();
  const limit = signal === undefined ? told.signal : AbortSignal.any([signal, told.signal]);
  const tooLong = systemClock.sleep(readyWithinMs, limit);
  // Nobody waits for it any more when the port was told.
  tooLong.catch(() => undefined);
  try {
    const never = Promise.race([exited, tooLong]).then(() => undefined);
    return await Promise.race([listen.address(port), never]);
  } finally {
    told.abort();
  }
}

async function notStarted(child: ChildProcess, exited: RcDaemon['exited']): Promise<AbortError> {
  const gone = child.pid === undefined || hasEnded(child);
  const { tail } = gone ? await exited : { tail: [] };
  return new AbortError(
    'rclone-daemon',
    gone ? 'rclone ended right after it was started.' : 'rclone was started but does not answer.',
    { exitCode: ExitCode.rclone, details: { lastWords: tail.slice(-5) } },
  );
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

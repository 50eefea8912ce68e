import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count } from '../output/format.ts';
import { isRefusal } from './credentials.ts';
import type { LiveStatus } from './live.ts';
import type { Vfs } from './vfs.ts';

export interface Health {
  state: 'mounted' | 'degraded';
  problem: AbortError | undefined;
  /** Whether rclone answered at all. */
  answers: boolean;
}

/** How a running mount is, from rclone's own account of it. */
export async function assess(vfs: Vfs): Promise<Health> {
  try {
    const [queue, stats, { lastError }] = await Promise.all([
      vfs.queue(),
      vfs.stats(),
      vfs.transfers(),
    ]);
    const failing = queue.filter((upload) => upload.tries > 0).map(({ name }) => name);
    const problem = stats.outOfSpace ? cacheFull() : whyFailing(failing, lastError);
    return { state: problem === undefined ? 'mounted' : 'degraded', problem, answers: true };
  } catch {
    return { state: 'degraded', problem: silent(), answers: false };
  }
}

type Live = Omit<LiveStatus, 'freshness'>;

/** Answers `status` from rclone's own account, in time even if rclone hangs. */
export class LiveView {
  /** When the oldest question that is still without an answer was asked. */
  #askedAt: number | undefined;

  /** @param withinMs milliseconds; a machine under load may take longer, which is no hang yet */
  async look(vfs: Vfs | undefined, withinMs: number): Promise<Live> {
    const nothing = (): Live => {
      const silentMs = this.#askedAt === undefined ? 0 : performance.now() - this.#askedAt;
      return { answers: false, silentMs, pending: [], cacheBytes: null };
    };
    if (vfs === undefined) return nothing();
    this.#askedAt ??= performance.now();
    const asked = Promise.all([vfs.queue(), vfs.stats()]).then(([queue, { bytesUsed }]): Live => {
      this.#askedAt = undefined;
      const pending = queue.map(({ name, size, uploading, tries }) => {
        return { name, size, uploading, tries };
      });
      return { answers: true, silentMs: 0, pending, cacheBytes: bytesUsed };
    });
    const late = new Promise<Live>((resolve) => {
      setTimeout(() => resolve(nothing()), withinMs).unref();
    });
    return Promise.race([asked.catch(nothing), late]);
  }
}

/** Of a key; https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const LONGEST_KEY = 1024;

function whyFailing(
  names: readonly string[],
  lastError: string | undefined,
): AbortError | undefined {
  if (names.length === 0) return undefined;
  const [long] = names.filter((name) => Buffer.byteLength(name) > LONGEST_KEY);
  return long === undefined ? uploadsFail(names.length, lastError) : pathTooLong(long);
}

function pathTooLong(name: string): AbortError {
  const path = name.length > 60 ? `${name.slice(0, 40)} … ${name.slice(-15)}` : name;
  const bytes = Buffer.byteLength(name).toLocaleString('en-US');
  return new AbortError(
    'path-too-long',
    `${path} cannot be uploaded: its path has ${bytes} bytes.`,
    {
      suggestions: [
        'Give it or its folders shorter names, 1,024 bytes together. It stays on this disk until then.',
      ],
      details: { path: name },
    },
  );
}

function uploadsFail(failing: number, lastError: string | undefined): AbortError {
  const files = count(failing, 'file');
  const refused = lastError !== undefined && isRefusal(lastError);
  const why = refused
    ? 'the storage refuses the keys'
    : 'the storage cannot be reached or does not take them';
  return new AbortError('uploads-failing', `${files} could not be uploaded yet: ${why}.`, {
    exitCode: refused ? ExitCode.auth : ExitCode.unreachable,
    suggestions: refused
      ? ['New keys are asked for by themselves. If that does not help: cloud setup']
      : ['Check the network. They are tried again by themselves and stay on this disk until then.'],
  });
}

export function unreachable(): AbortError {
  return new AbortError('storage-unreachable', 'The storage cannot be reached.', {
    exitCode: ExitCode.unreachable,
    suggestions: [
      'Check the network. What is on this disk can be read, and what is saved stays there until then.',
    ],
  });
}

/** In the words of the server, which knows who did it and why. */
export function accessDenied(cause: AbortError): AbortError {
  const { code, message, exitCode } = cause;
  return new AbortError(code, message, {
    exitCode,
    suggestions: [
      'Ask whoever administers the server. What is not uploaded stays on this disk and goes out by itself then.',
    ],
    cause,
  });
}

export function keysRefused(): AbortError {
  return new AbortError('credentials-refused', 'The storage refuses the keys.', {
    exitCode: ExitCode.auth,
    suggestions: ['New keys are asked for by themselves. If that does not help: cloud setup'],
  });
}

function cacheFull(): AbortError {
  return new AbortError('cache-full', 'The disk with the cache of the mount is full.', {
    suggestions: ['Free some space; what waits to be uploaded is kept.'],
  });
}

function silent(): AbortError {
  return new AbortError('rclone-hangs', 'rclone does not answer.', {
    exitCode: ExitCode.mount,
    suggestions: ['It is restarted by itself if this goes on.'],
  });
}

/** For the record while rclone is being started again. */
export function rcloneEnded(): AbortError {
  return new AbortError('rclone-ended', 'rclone ended unexpectedly and is being restarted.', {
    exitCode: ExitCode.mount,
  });
}

export function keysReplaced(): AbortError {
  return new AbortError('keys-replaced', 'rclone is being restarted with new keys.', {
    exitCode: ExitCode.mount,
  });
}

export function keepsEnding(log: string): AbortError {
  return new AbortError('rclone-keeps-ending', 'rclone ends again and again; it was given up.', {
    exitCode: ExitCode.mount,
    suggestions: [`What it said is in ${log}.`, 'cloud mount   (tries again)'],
  });
}

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { pipeline } from 'node:stream/promises';
import got, { type Response } from 'got';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import type { Clock } from '../../platform/clock.ts';

interface Timeouts {
  lookup: number;
  connect: number;
  secureConnect: number;
  /** Until the answer begins. */
  response: number;
  /** Silence on the line. */
  socket: number;
}

export interface DownloadOptions {
  url: URL;
  /** Where it goes. What an earlier, broken download left there is continued. */
  path: string;
  sha256: string;
  /** For HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  env: NodeJS.ProcessEnv;
  clock: Clock;
  signal: AbortSignal;
  /** Milliseconds for each stage; what a healthy server never needs. */
  timeouts?: Timeouts;
  /** Bytes; the total is undefined where the server does not say. */
  onProgress: (received: number, total: number | undefined) => void;
}

const ATTEMPTS = 4;
/** Four times the size of a release; a mirror that sends more sends something else. */
const MAX_BYTES = 128 * 1024 * 1024;
/** Without a network each of them ends the step, so they are short. */
const TIMEOUTS: Timeouts = {
  lookup: 5000,
  connect: 8000,
  secureConnect: 8000,
  response: 15_000,
  socket: 20_000,
};

/**
 * Downloads a file and checks it. Interrupted transfers are continued where they broke off, after
 * a back-off; a host that cannot be reached at all is not tried again.
 *
 * @throws AbortError `download-failed` (exit code 5) or `download-wrong` (exit code 12); of a wrong
 *   file nothing is left
 */
export async function download(options: DownloadOptions): Promise<void> {
  const continued = await sizeOf(options.path);
  await fetchAll(options);
  if (await matches(options)) return;
  await rm(options.path, { force: true });
  if (continued > 0) {
    // The earlier part may have been of another file, or damaged.
    await fetchAll(options);
    if (await matches(options)) return;
    await rm(options.path, { force: true });
  }
  throw wrong(
    options.url,
    'has not the expected SHA-256 checksum: it is damaged, or not the release',
  );
}

async function fetchAll(options: DownloadOptions): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const before = await sizeOf(options.path);
    try {
      await fetchRest(options, before);
      return;
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof AbortError || isLocal(error)) throw error;
      const gained = (await sizeOf(options.path)) - before;
      if (attempt >= ATTEMPTS || (gained <= 0 && isUnreachable(error))) {
        throw new AbortError(
          'download-failed',
          `${options.url.host} could not be reached (${reasonOf(error)})${byProxy(options, error)}.`,
          { exitCode: ExitCode.unreachable, cause: error },
        );
      }
      await options.clock.sleep(250 * 2 ** attempt, options.signal);
    }
  }
}

/** One request for what is missing from `offset` on. */
async function fetchRest(options: DownloadOptions, offset: number): Promise<void> {
  const stream = got.stream(options.url, {
    headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    decompress: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: options.timeouts ?? TIMEOUTS,
    signal: options.signal,
    agent: {
      http: new HttpAgent({ proxyEnv: options.env }),
      https: new HttpsAgent({ proxyEnv: options.env }),
    },
  });
  const response = await responseOf(stream);
  const start = judge(response, options, offset);
  if (start === 'again') {
    stream.destroy();
    await rm(options.path, { force: true });
    return fetchRest(options, 0);
  }
  const length = response.headers['content-length'];
  const total = length === undefined ? undefined : start + Number(length);
  const file = await open(options.path, start > 0 ? 'a' : 'w', 0o600);
  try {
    let received = start;
    // Written piece by piece, so that a transfer that breaks leaves what came.
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > MAX_BYTES) throw wrong(options.url, 'is far larger than a release');
      await file.write(chunk);
      options.onProgress(received, total);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

function responseOf(stream: ReturnType<typeof got.stream>): Promise<Response> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
  });
}

/** Where in the file the answer's body belongs; `again` when it must be asked for from the start. */
function judge(response: Response, options: DownloadOptions, offset: number): number | 'again' {
  const { url } = options;
  const { statusCode, headers } = response;
  if (statusCode >= 500 || statusCode === 429) throw new Error(`status ${statusCode}`);
  if (statusCode === 416 && offset > 0) return 'again';
  if (statusCode === 403 || statusCode === 407) {
    throw wrong(url, `was refused (status ${statusCode})${byProxy(options)}`);
  }
  if (statusCode !== 200 && statusCode !== 206)
    throw wrong(url, `is not there (status ${statusCode})`);
  if (/^(text\/html|application\/xhtml)/i.test(headers['content-type'] ?? '')) {
    throw wrong(url, 'is a web page, not a zip file; a proxy or a login page may stand in between');
  }
  if (statusCode === 200) return 0;
  const start = /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1];
  return Number(start) === offset ? offset : 'again';
}

async function matches({ path, sha256 }: DownloadOptions): Promise<boolean> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex') === sha256;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** An address without the user and password that a mirror may want. */
export function publicAddress(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function wrong(url: URL, what: string): AbortError {
  return new AbortError('download-wrong', `${publicAddress(url)} ${what}.`, {
    exitCode: ExitCode.rclone,
  });
}

/** Names the proxy that may be to blame, without its user and password. */
function byProxy({ url, env }: DownloadOptions, error?: unknown): string {
  if (error !== undefined && !codeOf(error).startsWith('ERR_PROXY')) return '';
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = env[name.toLowerCase()] ?? env[name] ?? '';
  return URL.canParse(proxy) ? `; ${name} names the proxy ${new URL(proxy).host}` : '';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** Trouble with our own disk, which another attempt would only repeat. */
function isLocal(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO', 'EISDIR'].includes(codeOf(error));
}

function isUnreachable(error: unknown): boolean {
  return (
    ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'].includes(
      codeOf(error),
    ) || /certificate|CERT_|ERR_PROXY/i.test(`${codeOf(error)} ${String(error)}`)
  );
}

function reasonOf(error: unknown): string {
  return codeOf(error) || (error instanceof Error ? error.message : String(error));
}

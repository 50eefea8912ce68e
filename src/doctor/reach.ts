import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { TLSSocket } from 'node:tls';
import { proxyAgents, proxyFor } from '../platform/proxy.ts';

/** Why an address cannot be reached. */
export type Unreachable =
  | 'no-name'
  | 'no-route'
  | 'refused'
  | 'timeout'
  | 'cut'
  | 'untrusted'
  | 'certificate-dates'
  | 'wrong-name'
  | 'not-tls'
  | 'not-http'
  | 'proxy'
  | 'other';

export type Reach =
  | {
      ok: true;
      url: URL;
      status: number;
      /** Of its answer to this machine, in milliseconds since the epoch; without a Date header undefined. */
      serverTimeMs: number | undefined;
      /** When the answer came, on this machine's clock. */
      answeredAtMs: number;
      /** When its certificate ends, in milliseconds since the epoch; undefined without TLS. */
      certificateEndsMs: number | undefined;
    }
  | { ok: false; url: URL; why: Unreachable; code: string };

const TIMEOUT_MS = 8000;

/**
 * One GET to see whether an address answers at all, and how: any HTTP status counts. Made with
 * Node's own client, because the certificate and the bare error code are what is asked for.
 */
export async function reach(
  address: string,
  { env, signal }: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<Reach> {
  const url = new URL(address);
  try {
    return await ask(url, env, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
  } catch (error) {
    signal.throwIfAborted();
    const code = codeOf(error);
    const proxied = proxyFor(url, env) !== undefined && PROXY_SUSPECTS.has(classify(code));
    return { ok: false, url, why: proxied ? 'proxy' : classify(code), code };
  }
}

function ask(url: URL, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Reach> {
  const tls = url.protocol === 'https:';
  const agent = proxyAgents(env)[tls ? 'https' : 'http'];
  const options = { agent, signal, headers: { accept: '*/*' } };
  return new Promise<Reach>((resolve, reject) => {
    const answered = (answer: IncomingMessage): void => {
      const time = Date.parse(answer.headers.date ?? '');
      resolve({
        ...{ ok: true, url, status: answer.statusCode ?? 0, answeredAtMs: Date.now() },
        serverTimeMs: Number.isNaN(time) ? undefined : time,
        certificateEndsMs: certificateEnd(answer),
      });
      answer.destroy();
    };
    const request = tls
      ? httpsRequest(url, options, answered)
      : httpRequest(url, options, answered);
    request.once('error', reject);
    request.end();
  }).finally(() => agent.destroy());
}

function certificateEnd({ socket }: IncomingMessage): number | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const end = Date.parse(socket.getPeerCertificate().valid_to);
  return Number.isNaN(end) ? undefined : end;
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (error instanceof Error && error.name === 'AbortError') return 'ETIMEDOUT';
  if (error instanceof Error && 'code' in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}

const CLASSES: readonly [RegExp, Unreachable][] = [
  [/^(ENOTFOUND|EAI_\w+|ENODATA)$/, 'no-name'],
  [/^(ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN|EADDRNOTAVAIL)$/, 'no-route'],
  [/^ECONNREFUSED$/, 'refused'],
  [/TIMEDOUT|TIMEOUT/, 'timeout'],
  [/^ERR_PROXY_/, 'proxy'],
  [/SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|CERT_UNTRUSTED|INVALID_CA/, 'untrusted'],
  [/^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/, 'certificate-dates'],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'wrong-name'],
  [/^(EPROTO|ERR_SSL_\w+)$/, 'not-tls'],
  [/^HPE_/, 'not-http'],
  [/^(ECONNRESET|EPIPE|ECONNABORTED)$/, 'cut'],
];

/** Node's, OpenSSL's and the resolver's error codes: https://nodejs.org/api/errors.html */
export function classify(code: string): Unreachable {
  return CLASSES.find(([pattern]) => pattern.test(code))?.[1] ?? 'other';
}

const PROXY_SUSPECTS: ReadonlySet<Unreachable> = new Set(['refused', 'cut', 'timeout', 'proxy']);

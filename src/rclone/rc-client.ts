import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import * as z from 'zod/mini';
import { redact, registerSecret } from '../output/redact.ts';
import type { S3Keys } from './environment.ts';
import { remoteSettings, type S3Location } from './remote-settings.ts';

/** Where a running `rclone rcd` listens; kept in a file only inside a private folder. */
export const rcAddressSchema = z.union([
  z.object({ socketPath: z.string() }),
  z.object({ port: z.number(), user: z.string(), password: z.string() }),
]);
export type RcAddress = z.infer<typeof rcAddressSchema>;

/**
 * A call that rclone refused, or that did not reach it (`status` 0). rclone answers a failed call
 * with its whole input, keys included: only its own words are kept, redacted.
 */
export class RcError extends Error {
  override readonly name = 'RcError';
  readonly method: string;
  /** HTTP status of the answer, or 0 when there was none. */
  readonly status: number;
  constructor(method: string, status: number, message: string) {
    super(redact(message));
    this.method = method;
    this.status = status;
  }
}

export interface RcCallOptions {
  /** Milliseconds without an answer before the call fails. Default 30 seconds. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface RcClient {
  /** Calls a method of rclone's remote control; the answer is parsed by `schema`. */
  call<T>(
    method: string,
    params: Record<string, unknown>,
    schema: z.ZodMiniType<T>,
    options?: RcCallOptions,
  ): Promise<T>;
  /** Tells rclone about a remote, keys included, in its memory only (`rcd --config ""`). */
  configCreate(
    name: string,
    remote: S3Location & S3Keys & { sessionToken?: string },
  ): Promise<void>;
}

/** For an answer that does not matter. */
const anything = z.unknown();
const failure = z.object({ error: z.string() });

/** Talks to a running `rclone rcd`, from any process that may open its socket. */
export function createRcClient(address: RcAddress): RcClient {
  const call: RcClient['call'] = async (method, params, schema, options = {}) => {
    const answer = await post(address, method, JSON.stringify(params), options);
    const body = jsonOrUndefined(answer.body);
    if (answer.status !== 200) {
      const parsed = failure.safeParse(body);
      const words = parsed.success ? parsed.data.error : `answered with status ${answer.status}`;
      throw new RcError(method, answer.status, words);
    }
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw new RcError(method, answer.status, `${method}: unexpected answer`);
    return parsed.data;
  };
  return {
    call,
    configCreate: async (name, remote) => {
      registerSecret(remote.secretAccessKey);
      if (remote.sessionToken !== undefined) registerSecret(remote.sessionToken);
      const { type, ...settings } = remoteSettings(remote);
      const keys = {
        access_key_id: remote.accessKeyId,
        secret_access_key: remote.secretAccessKey,
        ...(remote.sessionToken === undefined ? {} : { session_token: remote.sessionToken }),
      };
      // The answer to an upload says what arrived, and an MD5 goes with each: rclone need not ask again.
      const parameters = { ...settings, ...keys, no_head: 'true' };
      const opt = { nonInteractive: true, noObscure: true };
      await call('config/create', { name, type, parameters, opt }, anything);
    },
  };
}

function post(
  address: RcAddress,
  method: string,
  body: string,
  { timeoutMs = 30_000, signal }: RcCallOptions,
): Promise<{ status: number; body: string }> {
  const target =
    'socketPath' in address
      ? { socketPath: address.socketPath }
      : { host: '127.0.0.1', port: address.port, auth: `${address.user}:${address.password}` };
  const limit = AbortSignal.timeout(timeoutMs);
  const either = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...target,
        path: `/${method}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        signal: either,
        agent: false,
      },
      (response) => {
        text(response).then(
          (answer) => resolve({ status: response.statusCode ?? 0, body: answer }),
          fail,
        );
      },
    );
    const fail = (error: Error & { code?: string }): void => {
      if (signal?.aborted === true) reject(signal.reason as Error);
      else if (limit.aborted) reject(new RcError(method, 0, `${method}: no answer`));
      else
        reject(new RcError(method, 0, `${method}: rclone is not reached (${error.code ?? '?'})`));
    };
    sent.on('error', fail);
    sent.end(body);
  });
}

function jsonOrUndefined(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

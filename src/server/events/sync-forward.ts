import { request, type RequestOptions } from 'node:https';
import { guardedConnection } from './public-address.ts';

export interface ForwardOptions {
  /** Whether addresses of private networks may be asked. */
  allowPrivate: boolean;
  onError: (error: unknown, tenantId: string) => void;
  /** Certificates to trust besides the system's; for tests. */
  ca?: string;
}

const TIMEOUT_MS = 10_000;

/**
 * Tells a tenant's own service that something was uploaded (SPEC-8, Layer 1). Nobody waits for it.
 * A tenant has one request under way; what comes meanwhile is one more after it.
 */
export class SyncForwarder {
  readonly #options: ForwardOptions;
  readonly #busy = new Map<string, { again: boolean }>();
  readonly #stopped = new AbortController();

  constructor(options: ForwardOptions) {
    this.#options = options;
  }

  forward(tenantId: string, url: string): void {
    const busy = this.#busy.get(tenantId);
    if (busy !== undefined) {
      busy.again = true;
      return;
    }
    const state = { again: false };
    this.#busy.set(tenantId, state);
    void this.#send(tenantId, url).finally(() => {
      this.#busy.delete(tenantId);
      if (state.again && !this.#stopped.signal.aborted) this.forward(tenantId, url);
    });
  }

  /** Gives up what is under way. */
  stop(): void {
    this.#stopped.abort();
  }

  async #send(tenantId: string, url: string): Promise<void> {
    try {
      await post(url, { type: 'sync-requested', tenant_id: tenantId }, this.#requestOptions(url));
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#options.onError(error, tenantId);
    }
  }

  #requestOptions(url: string): RequestOptions {
    const address = new URL(url);
    if (address.protocol !== 'https:') throw new Error('not an https address');
    const { allowPrivate, ca } = this.#options;
    return {
      ...guardedConnection(address, allowPrivate),
      ...(ca === undefined ? {} : { ca }),
      signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    };
  }
}

/** Redirects are not followed, and the answer is not read. */
function post(url: string, body: object, options: RequestOptions): Promise<void> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        ...options,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (response) => {
        const { statusCode = 0 } = response;
        response.destroy();
        if (statusCode >= 200 && statusCode < 300) resolve();
        else reject(new Error(`answered ${statusCode}`));
      },
    );
    sent.once('error', reject);
    sent.end(text);
  });
}

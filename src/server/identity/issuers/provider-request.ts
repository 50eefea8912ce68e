import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { guardedConnection } from '../../events/public-address.ts';

export interface ProviderRequestOptions {
  /** Whether a provider may be in a private network, or on this machine. */
  allowPrivate: boolean;
}

/** A provider that does not answer, or not as one. `message` says why, for an operator. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
}

const TIMEOUT_MS = 10_000;
const LONGEST_ANSWER = 256 * 1024;

/** https everywhere but on this machine itself. */
export function isFitAddress({ protocol, hostname }: URL): boolean {
  if (protocol === 'https:') return true;
  return protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

/**
 * A JSON document of a provider. Redirects are not followed, the size is bounded.
 *
 * @throws ProviderError
 */
export async function getJson(
  text: string,
  { allowPrivate }: ProviderRequestOptions,
): Promise<unknown> {
  const url = URL.parse(text);
  if (url === null || !isFitAddress(url))
    throw new ProviderError(`${text} is not an https address`);
  try {
    const connection = guardedConnection(url, allowPrivate);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
      // Both modules make an agent of their own out of `false`.
      const options = { ...connection, signal: AbortSignal.timeout(TIMEOUT_MS) };
      const sent = send(url, { ...options, headers: { accept: 'application/json' } }, resolve);
      sent.once('error', reject);
      sent.end();
    });
    return await readJson(response);
  } catch (cause) {
    if (cause instanceof ProviderError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ProviderError(`${url.href} cannot be read: ${why}`, { cause });
  }
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const { statusCode = 0 } = response;
  if (statusCode !== 200) {
    response.destroy();
    throw new Error(`it answered ${statusCode}`);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    // Leaving the loop closes the connection.
    if (length > LONGEST_ANSWER) throw new Error('its answer is too long');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Error('its answer is no JSON');
  }
}

import { createLocalJWKSet, errors, type FlattenedJWSInput, type JWTHeaderParameters } from 'jose';
import * as z from 'zod/mini';
import { ProviderMetadata } from '../../../api/contract/issuers.ts';
import type { Clock } from '../../../platform/clock.ts';
import {
  getJson,
  isFitAddress,
  ProviderError,
  type ProviderRequestOptions,
} from './provider-request.ts';

/** Keys and addresses are asked for again after so long. */
const KEPT_MS = 10 * 60_000;
/** A token with an unknown key makes us ask whether the provider has rotated, at most this often. */
const COOL_DOWN_MS = 30_000;

const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });
type Lookup = ReturnType<typeof createLocalJWKSet>;
type PublicKey = Awaited<ReturnType<Lookup>>;

/**
 * What a provider says about itself.
 *
 * @throws ProviderError when it cannot be read, or names another issuer (OpenID Connect Discovery
 *   1.0 §4.3)
 */
export async function discover(
  issuer: string,
  options: ProviderRequestOptions,
): Promise<ProviderMetadata> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const parsed = ProviderMetadata.safeParse(await getJson(address, options));
  if (!parsed.success) throw new ProviderError(`${address} is no discovery document`);
  const { data } = parsed;
  // A slash at the end is what people get wrong; the provider's form is the one in its tokens.
  if (data.issuer.replace(/\/$/, '') !== issuer.replace(/\/$/, '')) {
    throw new ProviderError(`${address} is of another issuer, ${data.issuer}`);
  }
  const { jwks_uri: keys, token_endpoint: token, device_authorization_endpoint: device } = data;
  for (const each of [keys, token, device]) {
    const url = each === undefined ? undefined : URL.parse(each);
    if (url === null || (url !== undefined && !isFitAddress(url))) {
      throw new ProviderError(`${address} names ${each ?? ''}, which is not an https address`);
    }
  }
  return data;
}

interface Kept {
  lookup: Lookup;
  at: number;
}

/**
 * The public keys of trusted providers, by `jwks_uri` of their discovery documents. Many tokens at
 * once make one request; failures count as requests, so that a provider in trouble is left alone.
 */
export class ProviderKeys {
  readonly #clock: Clock;
  readonly #options: ProviderRequestOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #asked = new Map<string, { at: number; answer: Promise<Kept> }>();

  constructor(clock: Clock, options: ProviderRequestOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** @throws ProviderError; JOSEError when there is no such key */
  async find(
    issuer: string,
    header: JWTHeaderParameters,
    token: FlattenedJWSInput,
  ): Promise<PublicKey> {
    const kept = this.#fresh(issuer) ?? (await this.#ask(issuer));
    try {
      return await kept.lookup(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (this.#clock.now() - kept.at < COOL_DOWN_MS) throw error;
      return (await this.#ask(issuer)).lookup(header, token);
    }
  }

  /** With the trust goes what is known. */
  forget(issuer: string): void {
    this.#kept.delete(issuer);
    this.#asked.delete(issuer);
  }

  #fresh(issuer: string): Kept | undefined {
    const kept = this.#kept.get(issuer);
    return kept !== undefined && this.#clock.now() - kept.at < KEPT_MS ? kept : undefined;
  }

  async #ask(issuer: string): Promise<Kept> {
    const before = this.#asked.get(issuer);
    const now = this.#clock.now();
    if (before !== undefined && now - before.at < COOL_DOWN_MS) return before.answer;
    const answer = this.#read(issuer);
    this.#asked.set(issuer, { at: now, answer });
    const kept = await answer;
    this.#kept.set(issuer, kept);
    return kept;
  }

  async #read(issuer: string): Promise<Kept> {
    const { jwks_uri: address } = await discover(issuer, this.#options);
    const parsed = KeySet.safeParse(await getJson(address, this.#options));
    if (!parsed.success) throw new ProviderError(`${address} is no key set`);
    return { lookup: createLocalJWKSet(parsed.data), at: this.#clock.now() };
  }
}

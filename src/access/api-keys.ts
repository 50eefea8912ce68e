import { CreateApiKey, type ApiKey, type ApiKeyWithSecret } from '../api/contract/api-keys.ts';
import { checked } from '../api/checked.ts';
import { SCOPES } from '../api/contract/scopes.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import type { SecretStore } from '../session/secret-store.ts';
import { STORED } from '../session/tokens.ts';
import type { Account } from '../session/open.ts';
import { findByName } from './find.ts';

export async function listApiKeys({ api }: Account): Promise<ApiKey[]> {
  return (await api.listApiKeys()).api_keys;
}

export interface NewApiKey {
  label: string;
  scopes: readonly string[] | undefined;
  tenant: string | undefined;
  /** Seconds. */
  lifeSeconds: number | undefined;
}

/** @throws AbortError `invalid-field` (2) before the server is asked; the server's refusals */
export async function addApiKey({ api }: Account, wanted: NewApiKey): Promise<ApiKeyWithSecret> {
  const { label, scopes, tenant, lifeSeconds: expires_in } = wanted;
  const body = checked(CreateApiKey, { label, scopes, tenant, expires_in }, COMPLAINTS);
  return registered(await api.createApiKey(body));
}

const COMPLAINTS: Record<string, string> = {
  label: 'A label has 1 to 100 characters on one line, with no space at its ends.',
  scopes: `A scope is one of ${SCOPES.join(', ')}.`,
  tenant: 'A tenant is named by its slug or its id.',
  expires_in: 'A key lives for a minute at least and a year at most.',
};

/** @throws AbortError `not-found`, `ambiguous` (2) */
export async function revokeApiKey({ api }: Account, typed: string): Promise<ApiKey> {
  const key = findByName((await api.listApiKeys()).api_keys, typed, 'API key', namesOf);
  await api.revokeApiKey(key.id);
  return key;
}

export interface RotatedApiKey {
  key: ApiKeyWithSecret;
  /** The old one, and until when it can still be used. */
  replaced: { id: string; valid_until: string };
  /** The key that this machine signs in with: the new one is stored, and need not be shown. */
  stored: boolean;
}

/**
 * Replaces a key by one of the same kind. The old one stays valid for a while, so that nothing
 * stops while the new one is brought to where it is used.
 *
 * @param overlapSeconds undefined: what the server thinks right
 * @throws AbortError `not-found`, `ambiguous` (2), `already-rotated` (1)
 */
export async function rotateApiKey(
  account: Account,
  typed: string | undefined,
  overlapSeconds: number | undefined,
): Promise<RotatedApiKey> {
  const { api, context, secrets } = account;
  const keys = (await api.listApiKeys()).api_keys;
  const old = typed === undefined ? currentOf(keys) : findByName(keys, typed, 'API key', namesOf);
  const stored = old.id === (await storedKeyId(secrets, context.name));
  const key = registered(
    await api.rotateApiKey(old.id, overlapSeconds === undefined ? {} : { overlap: overlapSeconds }),
  );
  if (stored) {
    await secrets.setPassword(STORED.apiKey, context.name, key.api_key);
    // It is the old key's, and would show that one, and its end, for minutes.
    await secrets.deletePassword(STORED.accessToken, context.name);
  }
  const after = (await api.listApiKeys()).api_keys.find(({ id }) => id === old.id);
  return {
    ...{ key, stored },
    replaced: { id: old.id, valid_until: after?.expires_at ?? new Date().toISOString() },
  };
}

function currentOf(keys: readonly ApiKey[]): ApiKey {
  const current = keys.find((key) => key.current);
  if (current !== undefined) return current;
  throw new AbortError('not-found', 'You are not signed in with an API key, so say which one.', {
    exitCode: ExitCode.usage,
    suggestions: ['cloud api-keys list', 'cloud api-keys rotate ID'],
  });
}

async function storedKeyId(secrets: SecretStore, contextName: string): Promise<string | undefined> {
  const { parseToken } = await import('../api/contract/token.ts');
  const text = await secrets.getPassword(STORED.apiKey, contextName);
  return text === null ? undefined : parseToken(text)?.id;
}

function registered(key: ApiKeyWithSecret): ApiKeyWithSecret {
  registerSecret(key.api_key);
  return key;
}

function namesOf(key: ApiKey): string[] {
  return [key.id, key.label, key.prefix];
}

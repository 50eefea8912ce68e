import type { ApiClient } from '../api/client.ts';
import { checked } from '../api/checked.ts';
import {
  CreateAdminToken,
  RotateAdminToken,
  type AdminToken,
  type AdminTokenWithSecret,
} from '../api/contract/admin-tokens.ts';
import { SCOPES } from '../api/contract/scopes.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';

type Tokens = Pick<
  ApiClient,
  'createAdminToken' | 'listAdminTokens' | 'revokeAdminToken' | 'rotateAdminToken'
>;

export interface WantedToken {
  label: string;
  /** Undefined: it administers the server. */
  tenant: string | undefined;
  instance: boolean;
  scopes: readonly string[] | undefined;
  /** Milliseconds. */
  lifeMs: number | undefined;
}

/** @throws AbortError `usage`, `invalid-field` (2) before the server is asked; the server's refusals */
export async function addToken(client: Tokens, wanted: WantedToken): Promise<AdminTokenWithSecret> {
  const { label, tenant, instance, scopes, lifeMs } = wanted;
  if (tenant === undefined && !instance) {
    throw new AbortError('usage', 'Say what the token is for: --tenant SLUG or --instance.', {
      exitCode: ExitCode.usage,
    });
  }
  const body = { label, tenant: tenant ?? null, scopes, expires_in: toSeconds(lifeMs) };
  return createToken(client, checkToken(body));
}

/** @throws AbortError `invalid-field` (2) */
export function checkToken(body: unknown): CreateAdminToken {
  return checked(CreateAdminToken, body, COMPLAINTS);
}

export async function createToken(
  client: Pick<ApiClient, 'createAdminToken'>,
  body: CreateAdminToken,
): Promise<AdminTokenWithSecret> {
  return registered(await client.createAdminToken(body));
}

/** @throws AbortError `token-not-found` */
export async function rotateToken(
  client: Tokens,
  id: string,
  { overlapMs, lifeMs }: { overlapMs: number | undefined; lifeMs: number | undefined },
): Promise<AdminTokenWithSecret> {
  const body = { overlap: toSeconds(overlapMs), expires_in: toSeconds(lifeMs) };
  return registered(await client.rotateAdminToken(id, checked(RotateAdminToken, body, COMPLAINTS)));
}

/** @returns what was ended. @throws AbortError `token-not-found`, `last-admin-token` */
export async function revokeToken(client: Tokens, id: string): Promise<AdminToken> {
  const { tokens } = await client.listAdminTokens({});
  const token = tokens.find((each) => each.id === id);
  if (token === undefined) {
    throw new AbortError('token-not-found', `There is no token ${id} in force.`, {
      exitCode: ExitCode.usage,
      suggestions: ['cloud admin token list'],
    });
  }
  await client.revokeAdminToken(id);
  return { ...token, state: 'revoked' };
}

function toSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms / 1000);
}

function registered(token: AdminTokenWithSecret): AdminTokenWithSecret {
  registerSecret(token.token);
  return token;
}

const COMPLAINTS: Readonly<Record<string, string>> = {
  label: 'A label has 1 to 100 characters on one line, with no space at its ends.',
  tenant: 'A tenant is named by its slug or its id.',
  scopes: `A scope is one of ${SCOPES.join(', ')}.`,
  expires_in: 'A token lives for a minute at least and a year at most.',
  overlap: 'The old one can stay valid for a week at most.',
};

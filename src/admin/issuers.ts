import type { ApiClient } from '../api/client.ts';
import { AddIssuer, type Identity, type Issuer } from '../api/contract/issuers.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

export interface ShownIssuer extends Issuer {
  identities: Identity[];
}

/** @throws AbortError `invalid-field` (2) before the server is asked; the server's refusals */
export async function addIssuer(
  client: ApiClient,
  options: { [Field in keyof AddIssuer]: AddIssuer[Field] | undefined },
): Promise<Issuer> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const parsed = AddIssuer.safeParse(Object.fromEntries(given));
  if (parsed.success) return client.addIssuer(parsed.data);
  const field = String(parsed.error.issues[0]?.path[0] ?? 'name');
  throw new AbortError('invalid-field', COMPLAINTS[field] ?? `${field} is not right.`, {
    exitCode: ExitCode.usage,
    details: { field },
  });
}

const COMPLAINTS: Partial<Record<string, string>> = {
  name: 'A name has 1 to 40 lower-case letters, digits and hyphens, no hyphen at the ends.',
  url: 'The address of an issuer has at most 500 characters: https://id.example',
  scope: 'The scopes are separated by spaces, and openid is among them.',
  clock_skew: 'The clock may be off by 0 to 300 seconds.',
  session_days: 'Sessions last from 1 to 90 days.',
};

/** With everybody of the issuer who is known here. */
export async function showIssuer(client: ApiClient, ref: string): Promise<ShownIssuer> {
  const issuer = await client.showIssuer(ref);
  const { identities } = await client.listIdentities(issuer.id);
  return { ...issuer, identities };
}

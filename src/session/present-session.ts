import { formatFields } from '../output/table.ts';
import type { SignedIn, SignedOut } from './sign-in.ts';
import type { WhoAmI } from './who-am-i.ts';

export function presentSignedIn(result: SignedIn): string {
  return `Signed in to ${result.server} for ${result.tenant.name} (context ${result.context}).`;
}

export function presentSignedOut(result: SignedOut): string {
  if (result.context === null) return 'Nobody is signed in here.';
  const keys = result.revoked
    ? "this machine's bucket key is revoked"
    : 'the server could not be reached, so the bucket key of this machine stays valid there';
  return `Signed out of ${result.context}; ${keys}.`;
}

export function presentWhoAmI(result: WhoAmI): string {
  return formatFields([
    ['Account', result.account],
    ['Tenant', `${result.tenant.name} (${result.tenant.slug})`],
    ['Server', result.server],
    ['Context', result.context],
    ['Signed in by', result.kind === 'api_key' ? 'API key' : 'access token'],
    ['Allowed', result.scopes.join(', ')],
    ['Bucket', result.bucket],
    ['Secrets', result.secrets],
  ]);
}

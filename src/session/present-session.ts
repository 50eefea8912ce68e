import { formatFields } from '../output/table.ts';
import type { SignedIn, SignedOut } from './sign-in.ts';
import type { WhoAmI } from './who-am-i.ts';

export function presentSignedIn(result: SignedIn): string {
  return `Signed in to ${result.server} for ${result.tenant.name} (context ${result.context}).`;
}

export function presentSignedOut(result: SignedOut): string {
  if (result.context === null) return 'Nobody is signed in here.';
  return `Signed out of ${result.context}${REVOCATIONS[result.revocation]}.`;
}

const REVOCATIONS: Record<SignedOut['revocation'], string> = {
  none: '',
  revoked: "; this machine's bucket key is revoked",
  unreachable:
    '; the server could not be reached, so the bucket key of this machine stays valid there',
  refused:
    '; the server did not let us revoke the bucket key of this machine, so it stays valid there',
};

export function presentWhoAmI(result: WhoAmI): string {
  return formatFields([
    ['Account', result.account],
    ['Tenant', `${result.tenant.name} (${result.tenant.slug})`],
    ['Server', result.server],
    ['Context', result.context],
    ['Signed in by', result.signed_in_by],
    ['Allowed', result.scopes.join(', ')],
    ['Bucket', result.bucket],
    ['Secrets', result.secrets],
  ]);
}

import type { ApiClient } from '../api/client.ts';
import { CreateTenant, type CreatedTenant } from '../api/contract/admin.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

/** @throws AbortError `invalid-field` (2) before the server is asked; the server's refusals */
export async function addTenant(
  client: ApiClient,
  options: { slug: string; name: string; issueApiKey: boolean; syncUrl?: string | undefined },
): Promise<CreatedTenant> {
  const parsed = CreateTenant.safeParse({
    slug: options.slug,
    name: options.name,
    issue_api_key: options.issueApiKey,
    ...(options.syncUrl === undefined ? {} : { sync_url: options.syncUrl }),
  });
  if (parsed.success) return client.createTenant(parsed.data);
  const field = String(parsed.error.issues[0]?.path[0] ?? 'slug');
  throw new AbortError('invalid-field', complaint(field, options.slug), {
    exitCode: ExitCode.usage,
    details: { field },
  });
}

function complaint(field: string, slug: string): string {
  switch (field) {
    case 'slug':
      return `${slug} is no slug: 3 to 40 lower-case letters, digits and hyphens, no hyphen at the ends.`;
    case 'sync_url':
      return 'The sync address is an https address without a user name or password.';
    default:
      return 'A name has 1 to 200 characters.';
  }
}

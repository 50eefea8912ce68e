import type { TrustedIssuer } from '../api/contract/issuers.ts';
import { askText, askYesNo } from '../output/prompt.ts';
import type { TenantChoice } from '../session/password.ts';

/** Which tenant, of several. */
export async function askTenant(
  tenants: readonly TenantChoice[],
  signal: AbortSignal,
): Promise<string> {
  const lines = tenants.map(({ slug, name }, index) => `  ${index + 1}  ${slug}  ${name}`);
  process.stderr.write(`${['You belong to several tenants:', ...lines].join('\n')}\n`);
  for (;;) {
    const answer = await askText('Which one?', signal);
    const chosen = tenants.find(({ slug }, index) => answer === slug || answer === `${index + 1}`);
    if (chosen !== undefined) return chosen.slug;
    process.stderr.write(`Type a number from 1 to ${tenants.length}, or a name.\n`);
  }
}

/** Where to sign in: one of the issuers, or (undefined) the server itself. */
export async function askIssuer(
  issuers: readonly TrustedIssuer[],
  signal: AbortSignal,
): Promise<TrustedIssuer | undefined> {
  const lines = issuers.map(({ name, issuer }, index) => `  ${index + 1}  ${name}  ${issuer}`);
  const own = `  ${issuers.length + 1}  an account of the server itself`;
  process.stderr.write(`${['You can sign in at:', ...lines, own].join('\n')}\n`);
  for (;;) {
    const answer = await askText('Where?', signal);
    if (answer === `${issuers.length + 1}`) return undefined;
    const chosen = issuers.find(({ name }, index) => answer === name || answer === `${index + 1}`);
    if (chosen !== undefined) return chosen;
    process.stderr.write(`Type a number from 1 to ${issuers.length + 1}, or a name.\n`);
  }
}

/** Whether the key of the secrets may lie in a file. */
export function askKeyFile(why: string, signal: AbortSignal): Promise<boolean> {
  process.stderr.write(
    `${why}\nThe key of your secrets can lie in a file that only your user can read instead; ` +
      'whoever reads your files can then use them.\n',
  );
  return askYesNo('Use such a file?', signal);
}

import type { ApiClient } from '../api/client.ts';
import type { LoginRequest } from '../api/contract/auth.ts';
import { Problem } from '../api/contract/problem.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { registerSecret } from '../output/redact.ts';
import { toGrant, type Grant } from './tokens.ts';

export interface TenantChoice {
  slug: string;
  name: string;
}

/** Asks a person; gives the slug. */
export type ChooseTenant = (tenants: readonly TenantChoice[]) => Promise<string>;

/**
 * Signs in with user name and password. A person of several tenants chooses one: `choose` asks, or
 * is undefined where nobody can be asked.
 *
 * @throws AbortError `sign-in-failed`, `no-tenant` (4), `tenant-choice-needed` (2)
 */
export async function passwordSignIn(
  request: LoginRequest,
  api: Pick<ApiClient, 'login'>,
  choose: ChooseTenant | undefined,
): Promise<Grant> {
  registerSecret(request.password);
  return withTenantChoice(
    async (tenant) => toGrant(await api.login({ ...request, ...tenant })),
    choose,
  );
}

/** Signs in; where the server names tenants to choose from, once more with the one chosen. */
export async function withTenantChoice(
  signIn: (tenant: { tenant?: string }) => Promise<Grant>,
  choose: ChooseTenant | undefined,
): Promise<Grant> {
  try {
    return await signIn({});
  } catch (error) {
    const tenants = choices(error);
    if (tenants === undefined) throw error;
    if (choose === undefined) throw choiceNeeded(tenants);
    return signIn({ tenant: await choose(tenants) });
  }
}

function choices(error: unknown): TenantChoice[] | undefined {
  if (!(error instanceof AbortError)) return undefined;
  return Problem.shape.tenants.safeParse(error.details['tenants']).data;
}

function choiceNeeded(tenants: readonly TenantChoice[]): AbortError {
  const slugs = tenants.map(({ slug }) => slug);
  return new AbortError(
    'tenant-choice-needed',
    `You belong to several tenants: ${slugs.join(', ')}.`,
    {
      exitCode: ExitCode.usage,
      suggestions: [`Choose one: --tenant ${slugs[0] ?? 'SLUG'}`],
      details: { tenants: slugs },
    },
  );
}

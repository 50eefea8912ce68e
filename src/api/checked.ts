import type * as z from 'zod/mini';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';

/**
 * A body as the contract wants it, before the server is asked. What is undefined is left out.
 *
 * @param complaints what people are told, by field
 * @throws AbortError `invalid-field` (2), naming the field
 */
export function checked<T>(
  schema: z.ZodMiniType<T>,
  body: unknown,
  complaints: Readonly<Record<string, string>>,
): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = String(issue?.path[0] ?? unknown ?? '');
  throw new AbortError('invalid-field', complaints[field] ?? `The ${field} is not possible.`, {
    exitCode: ExitCode.usage,
    details: { field },
  });
}

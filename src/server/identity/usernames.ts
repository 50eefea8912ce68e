import { USERNAME } from '../../api/contract/users.ts';
import { invalidField } from '../errors.ts';

/**
 * The one form of a user name, or undefined when it has none: compatibility characters become plain
 * ones (NFKC, as RFC 8265 asks of user names), letters become small, and what is not ASCII then is
 * refused, so that no two names of different scripts look alike.
 */
export function normalizeUsername(text: string): string | undefined {
  const name = text.normalize('NFKC').toLowerCase();
  return USERNAME.test(name) ? name : undefined;
}

/** @throws HttpProblem 422 `invalid-field` */
export function requireUsername(text: string): string {
  const name = normalizeUsername(text);
  if (name !== undefined) return name;
  throw invalidField(
    'username',
    'A user name has 1 to 64 letters (a to z), digits and . _ @ + -, and begins and ends with a letter or digit.',
  );
}

import { SCOPES, type Scope } from '../../api/contract/scopes.ts';

/** Parses what we stored ourselves; a scope of another version is left out, never widened. */
export function parseScopes(text: string): Scope[] {
  const names = text.split(' ');
  return SCOPES.filter((scope) => names.includes(scope));
}

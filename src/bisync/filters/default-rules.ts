import { parseIgnoreText, type IgnoreRule } from './path-filter.ts';

/**
 * SPEC-8's default list, in the words of an ignore file, before all others: a `!` line in an ignore
 * file takes a default back. rclone's conflict names are matched as rclone writes them
 * (`a.md.conflict1`), as files only.
 */
export const DEFAULT_LIST = `*.conflict*
!*.conflict*/
.DS_Store
.git/
__pycache__/
*.pyc
.pytest_cache/
node_modules/
Thumbs.db
desktop.ini
`;

export function defaultRules(): IgnoreRule[] {
  return parseIgnoreText(DEFAULT_LIST, { file: null, base: '' });
}

import { expect, test } from 'vitest';
import { Interrupted, reportOf } from '../../../src/cli/report.ts';
import { AbortError, BugError } from '../../../src/output/errors.ts';
import { LockHeldError } from '../../../src/platform/lock-held-error.ts';

const system = (code: string): Error =>
  Object.assign(new Error(`${code}: something`), { code, path: '/data/file' });
const owner = { pid: 42, startedAt: 'x', command: 'cloud bisync', since: '2026-01-01T00:00:00Z' };

test.each([
  [
    'a person can fix it',
    new AbortError('delete-guard', 'No.', { exitCode: 78 }),
    'delete-guard',
    78,
  ],
  ['only we can fix it', new BugError('no such state'), 'bug', 1],
  ['anything else', new TypeError('x is not a function'), 'unexpected', 1],
  ['not even an error', 'text', 'unexpected', 1],
  ['Ctrl-C', new Interrupted('SIGINT'), 'interrupted', 130],
  ['SIGTERM', new Interrupted('SIGTERM'), 'interrupted', 143],
  ['a lock is held', new LockHeldError('/l', owner), 'locked', 11],
  ['a lock without a name on it', new LockHeldError('/l', undefined), 'locked', 11],
  ['the disk is full', system('ENOSPC'), 'disk-full', 1],
  ['a read-only disk', system('EROFS'), 'read-only', 1],
  ['no permission', system('EACCES'), 'not-permitted', 1],
])('%s', (_what, error, code, exitCode) => {
  expect(reportOf(error)).toMatchObject({ code, exitCode });
});

test('a secret in a message is not reported', () => {
  const error = new Error('PUT failed: Bearer abcdefghijklmnop');
  expect(reportOf(error).message).not.toContain('abcdefghijklmnop');
});

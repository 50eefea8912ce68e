import { isErrno } from '../platform/atomic-file.ts';
import { S3RequestError } from '../s3/errors.ts';
import { PathProblem, type Problem, type ProblemReason } from './problems.ts';
import type { RunContext } from './run-context.ts';

interface Row {
  codes: string[];
  reason: ProblemReason;
  sentence: (path: string) => string;
}

/** System errors that are one path's own; any other ends the run. */
const ROWS: readonly Row[] = [
  {
    codes: ['ENOSPC', 'EDQUOT'],
    reason: 'disk-full',
    sentence: (path) => `no space left here for ${path}`,
  },
  {
    codes: ['EACCES', 'EPERM', 'EROFS'],
    reason: 'unreadable',
    sentence: (path) => `no permission for ${path}`,
  },
  {
    codes: ['ENOTDIR', 'EISDIR', 'EEXIST', 'ENOTEMPTY', 'ELOOP'],
    reason: 'blocked',
    sentence: (path) => `something else stands in the way of ${path}`,
  },
  {
    codes: ['ENOENT', 'ESTALE'],
    reason: 'changing',
    sentence: (path) => `the folder of ${path} was moved or deleted meanwhile`,
  },
  {
    codes: ['EBUSY', 'ETXTBSY'],
    reason: 'unreadable',
    sentence: (path) => `another program does not let go of ${path}`,
  },
  {
    codes: ['EIO'],
    reason: 'failed',
    sentence: (path) => `the disk failed at ${path}`,
  },
  {
    codes: ['ENAMETOOLONG', 'EINVAL', 'EILSEQ'],
    reason: 'failed',
    sentence: (path) => `this file system cannot hold the name ${path}`,
  },
];

/**
 * What a failure means for its path.
 *
 * @throws what concerns the whole run and not this path
 */
export function problemOf(path: string, error: unknown): Problem {
  if (error instanceof PathProblem) return { path, reason: error.reason, message: error.message };
  if (error instanceof S3RequestError) return storageProblem(path, error);
  const row = ROWS.find(({ codes }) => isErrno(error, ...codes));
  if (row === undefined) throw error;
  return { path, reason: row.reason, message: row.sentence(path) };
}

function storageProblem(path: string, error: S3RequestError): Problem {
  if (error.keyRefused || error.clockRefused) throw error;
  const message = error.storageFull
    ? `the cloud storage is full; ${path} is not in it yet`
    : error.failure === 'denied'
      ? `the access key of this machine may not do this with ${path} (${error.message})`
      : error.message;
  return { path, reason: 'storage', message };
}

/** The same problem of a path is told once a run. */
export function reportProblem(run: Pick<RunContext, 'tally' | 'emit'>, problem: Problem): void {
  const { problems, told } = run.tally;
  const key = `${problem.path}\0${problem.message}`;
  if (told.has(key)) return;
  told.add(key);
  problems.push(problem);
  run.emit({ type: 'problem', ...problem });
}

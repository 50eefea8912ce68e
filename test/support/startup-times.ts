import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const cloud = resolve(import.meta.dirname, '../../bin/run.js');

export interface StartCase {
  name: string;
  args: string[];
  /** How many times as long as Node itself it may take on a quiet machine. */
  target?: number;
}

/** The first one is Node itself, with which the others are compared. */
export const START_CASES: readonly StartCase[] = [
  { name: 'node -e 0', args: ['-e', '0'] },
  { name: 'cloud --version', args: [cloud, '--version'], target: 1.6 },
  { name: 'cloud --help', args: [cloud, '--help'], target: 3.2 },
  { name: 'cloud mount-status', args: [cloud, 'mount-status'], target: 3.2 },
];

/**
 * Starts all of them in turn, again and again, so that a change of the machine's mood meets all alike.
 * The first two rounds fill the compile cache, as a user's first run does, and are not told.
 *
 * @param onRound gets milliseconds in the order of `START_CASES`; false ends it
 */
export function measureStarts(rounds: number, onRound: (ms: readonly number[]) => boolean): void {
  const home = mkdtempSync(join(tmpdir(), 'cloud-start-'));
  try {
    for (let round = -2; round < rounds; round += 1) {
      const times = START_CASES.map(({ args }) => timeOf(args, home));
      if (round >= 0 && !onRound(times)) return;
    }
  } finally {
    rmSync(home, { recursive: true });
  }
}

function timeOf(args: string[], home: string): number {
  const started = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, {
    env: environmentOf(home),
    encoding: 'utf8',
  });
  const ms = Number(process.hrtime.bigint() - started) / 1e6;
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return ms;
}

const COUNTING = `
  import { registerHooks } from 'node:module';
  let files = 0;
  registerHooks({
    load: (url, context, next) => {
      if (url.startsWith('file:')) files += 1;
      return next(url, context);
    },
  });
  process.on('exit', () => process.stderr.write('\\nfiles: ' + files + '\\n'));
`;

/** How many files of code a start of `cloud` loads. */
export function filesLoadedBy(args: readonly string[]): number {
  const home = mkdtempSync(join(tmpdir(), 'cloud-start-'));
  try {
    const { stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(COUNTING)}`, cloud, ...args],
      { env: environmentOf(home), encoding: 'utf8' },
    );
    const [, files] = /\nfiles: (\d+)\n/.exec(stderr) ?? [];
    if (files === undefined) throw new Error(stderr);
    return Number(files);
  } finally {
    rmSync(home, { recursive: true });
  }
}

/** Nothing of who measures: a test runner's variables alone double the time. */
function environmentOf(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: home, CLOUD_HOME: join(home, 'cloud') };
}

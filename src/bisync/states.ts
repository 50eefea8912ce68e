import { ExitCode } from '../output/exit-codes.ts';

export const PAIR_STATES = [
  'never-synced',
  'idle',
  'scanning',
  'syncing',
  'conflicts',
  'paused',
  'offline',
  'needs-login',
  'halted-root-emptied',
  'halted-marker-missing',
  'halted-delete-guard',
  'error',
] as const;

/** The state of a folder pair: the same words in files, JSON, exit codes and on the screen. */
export type PairState = (typeof PAIR_STATES)[number];

export interface StateMeaning {
  /** What is the case, for people. */
  sentence: string;
  /** What to do, or undefined when nothing is needed. */
  nextStep: string | undefined;
  exitCode: ExitCode;
}

export const STATE_MEANINGS: Readonly<Record<PairState, StateMeaning>> = {
  'never-synced': {
    sentence: 'This folder has not been synced yet.',
    nextStep: 'cloud bisync',
    exitCode: ExitCode.notSetUp,
  },
  idle: { sentence: 'Both sides agree.', nextStep: undefined, exitCode: ExitCode.ok },
  scanning: {
    sentence: 'Both sides are being compared.',
    nextStep: undefined,
    exitCode: ExitCode.ok,
  },
  syncing: { sentence: 'Files are being moved.', nextStep: undefined, exitCode: ExitCode.ok },
  conflicts: {
    sentence: 'Both versions of some files were kept and wait for a choice.',
    nextStep: 'cloud conflicts list',
    exitCode: ExitCode.incomplete,
  },
  paused: { sentence: 'Syncing is paused.', nextStep: 'cloud resume', exitCode: ExitCode.ok },
  offline: {
    sentence: 'The storage cannot be reached.',
    nextStep: 'Nothing is lost; run `cloud bisync` again when the network is back.',
    exitCode: ExitCode.unreachable,
  },
  'needs-login': {
    sentence: 'The storage does not accept the access key of this machine any more.',
    nextStep: 'cloud setup',
    exitCode: ExitCode.auth,
  },
  'halted-root-emptied': {
    sentence: 'One side is suddenly empty; nothing was deleted on the other.',
    nextStep: 'Look whether the folder is the right one.',
    exitCode: ExitCode.needsPerson,
  },
  'halted-marker-missing': {
    sentence: 'This does not look like the folder or bucket that was synced before.',
    nextStep: 'Look whether the disk is mounted and the folder is the right one.',
    exitCode: ExitCode.needsPerson,
  },
  'halted-delete-guard': {
    sentence: 'More would be deleted than the profile allows; nothing was.',
    nextStep: 'Look at what would be deleted, and approve the plan.',
    exitCode: ExitCode.needsPerson,
  },
  error: {
    sentence: 'The last run failed.',
    nextStep: 'cloud bisync --verbose',
    exitCode: ExitCode.failed,
  },
};

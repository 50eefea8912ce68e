import { inspectRoot, type PairInspection, type RootInspection } from '../../bisync/inspect.ts';
import { mendBucketCheckFile, mendLocalCheckFile, mendMarker } from '../../bisync/mend.ts';
import type { PairRecord, PairStatus } from '../../bisync/pair.ts';
import { STATE_MEANINGS } from '../../bisync/states.ts';
import { ACCESS_FILE } from '../../bisync/filters/own-files.ts';
import { ExitCode } from '../../output/exit-codes.ts';
import { count, shellWord } from '../../output/format.ts';
import { createS3Client } from '../../s3/client.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { failure, ok, warning, withoutStop, type Cure, type Observation } from '../finding.ts';
import { folderAnswers } from '../folder-answers.ts';

export const pairChecks: readonly Check[] = [
  {
    id: 'pairs',
    group: 'Synced folders',
    title: 'Synced folders',
    withinMs: 15_000,
    exitCode: ExitCode.failed,
    run: async (facts) => {
      const pairs = await facts.pairs();
      if (pairs.length === 0) return [ok('No folder is synced here')];
      return (await Promise.all(pairs.map((pair) => judgePair(facts, pair)))).flat();
    },
  },
  {
    id: 'check-files',
    group: 'Synced folders',
    title: 'Check files in the bucket',
    needs: ['bucket'],
    withinMs: 20_000,
    exitCode: ExitCode.unreachable,
    run: bucketCheckFiles,
  },
];

async function judgePair(facts: Facts, pair: PairInspection): Promise<Observation[]> {
  const { record } = pair;
  if (record === undefined) {
    return [
      warning(`The record of a folder pair is damaged: ${pair.folder}`, {
        cause: 'Which folder it is of cannot be read.',
        cure: {
          sentence: 'The next sync writes it anew and unites both sides; nothing is deleted.',
          command: 'cloud bisync',
        },
      }),
    ];
  }
  const { root } = record;
  if (!(await folderAnswers(root, facts.host.platform))) {
    return [
      failure(ExitCode.needsPerson, `The synced folder ${root} does not answer`, {
        cause: 'It lies on a file system that another machine or process serves, which hangs',
        cure: { sentence: 'Look after that file system; nothing is synced meanwhile.' },
      }),
    ];
  }
  const seen = await inspectRoot(record, pair);
  const rootTrouble = judgeRoot(facts, pair, record, seen);
  const trouble = [...rootTrouble, ...judgeState(pair, root, seen, rootTrouble.length > 0)];
  if (seen.openConflicts.length > 0) trouble.push(conflicts(root, seen));
  if (trouble.length > 0) return trouble;
  if (pair.owner !== undefined) return [ok(`${root} is being synced now`)];
  return [ok(`${root} is in order: ${count(pair.agreedFiles, 'file')} agreed`)];
}

function judgeRoot(
  facts: Facts,
  { folder, agreedFiles }: PairInspection,
  record: PairRecord,
  seen: RootInspection,
): Observation[] {
  const { root } = record;
  const mending = { host: facts.host, folder, record, signal: facts.signal };
  if (seen.root !== 'there') {
    const what = seen.root === 'missing' ? 'is not there' : 'is not a folder';
    return [
      failure(ExitCode.needsPerson, `The synced folder ${root} ${what}`, {
        cause: 'Its disk may not be mounted. Nothing is deleted in the bucket because of it',
        cure: {
          sentence: 'Mount its disk; or, if it is meant to start anew, run this.',
          command: `mkdir -p ${shellWord(root)} && cloud bisync --path ${shellWord(root)} --resync`,
        },
      }),
    ];
  }
  if (seen.marker === 'of another pair') {
    return [
      failure(ExitCode.needsPerson, `${root} was synced as another folder or bucket`, {
        cause: 'Its marker .cloud-pair.json says so',
        cure: anotherFolder(root),
      }),
    ];
  }
  if (seen.marker === 'missing') {
    return [
      failure(ExitCode.needsPerson, `The folder marker is missing in ${root}`, {
        cause: 'It tells the folder from the empty place of a disk that is not mounted',
        cure: anotherFolder(root),
        ...(agreedFiles === 0
          ? {}
          : {
              fix: async () => {
                const proof = await mendMarker(mending);
                return `wrote the folder marker in ${root}: ${count(proof, 'file')} there, each as agreed`;
              },
            }),
      }),
    ];
  }
  if (seen.accessFile) return [];
  return [
    failure(ExitCode.needsPerson, `The check file ${ACCESS_FILE} is missing in ${root}`, {
      cause: 'Without it a sync cannot tell that it has reached the right place',
      cure: { sentence: 'Put it back.', command: 'cloud doctor --fix' },
      fix: async () => {
        await mendLocalCheckFile(mending);
        return `put ${ACCESS_FILE} back into ${root}`;
      },
    }),
  ];
}

function anotherFolder(root: string): Cure {
  return {
    sentence: 'If it is the right folder, this keeps what both sides have and deletes nothing.',
    command: `cloud bisync --path ${shellWord(root)} --resync`,
  };
}

function judgeState(
  { baseline, owner, status }: PairInspection,
  root: string,
  { unfinished }: RootInspection,
  rootTrouble: boolean,
): Observation[] {
  if (owner !== undefined) return [];
  const sync = `cloud bisync --path ${shellWord(root)}`;
  const trouble: Observation[] = [];
  if (baseline !== 'present') {
    trouble.push(
      warning(`What both sides of ${root} agreed on is ${baseline}`, {
        cause: 'The next sync compares anew: it unites both sides and deletes nothing',
        cure: { sentence: 'Sync once.', command: sync },
      }),
    );
  }
  if (unfinished) {
    trouble.push(
      warning(`The last sync of ${root} did not come to its end`, {
        cause: 'Its journal is there; the next sync goes on from it',
        cure: { sentence: 'Sync again.', command: sync },
      }),
    );
  }
  if (status !== undefined && isTrouble(status.state)) {
    // What is seen now says more than what was said then.
    if (status.state === 'halted-marker-missing' && rootTrouble) return trouble;
    if (status.state === 'error' && unfinished) return trouble;
    trouble.push(judgeStatus(status, root, sync));
  }
  return trouble;
}

function judgeStatus({ state, message }: PairStatus, root: string, sync: string): Observation {
  const { exitCode, nextStep } = STATE_MEANINGS[state];
  const sentence = nextStep?.startsWith('cloud ') === false ? nextStep : 'Sync again.';
  const more = { cause: withoutStop(message), cure: { sentence, command: sync } };
  const summary = `The last sync of ${root} ended with ${state}`;
  const waits = state === 'halted-root-emptied' || state === 'halted-delete-guard';
  return waits ? failure(exitCode, summary, more) : warning(summary, more);
}

/** Conflicts are told by their copies, and what is under way is no trouble. */
function isTrouble(state: keyof typeof STATE_MEANINGS): boolean {
  return STATE_MEANINGS[state].exitCode !== ExitCode.ok && state !== 'conflicts';
}

function conflicts(root: string, { openConflicts }: RootInspection): Observation {
  const [first] = openConflicts;
  return warning(`${count(openConflicts.length, 'open conflict')} in ${root}`, {
    cause: `Both versions were kept: ${first?.path ?? ''} and ${first?.copy ?? ''}`,
    cure: {
      sentence: 'Look at them and choose.',
      command: `cloud conflicts list --path ${shellWord(root)}`,
    },
  });
}

async function bucketCheckFiles(facts: Facts): Promise<Observation[]> {
  const access = await facts.access();
  const pairs = (await facts.pairs()).filter(
    ({ record }) => record?.bucket === access.bucket && record.tenant === access.tenant.id,
  );
  if (pairs.length === 0) return [];
  const s3 = createS3Client(access);
  try {
    if ((await s3.head(ACCESS_FILE, facts.signal)) !== undefined) {
      return [ok(`The check file is in the bucket ${access.bucket}`)];
    }
  } finally {
    s3.close();
  }
  const proof = pairs.find(({ agreedFiles }) => agreedFiles > 0);
  const { record, folder } = proof ?? {};
  return [
    failure(ExitCode.needsPerson, `The check file is missing in the bucket ${access.bucket}`, {
      cause: 'Without it a sync cannot tell that it has reached the right place',
      cure: {
        sentence: 'If it is the right bucket, this keeps what both sides have.',
        command: 'cloud bisync --resync',
      },
      ...(record === undefined || folder === undefined || access.permission === 'ro'
        ? {}
        : {
            fix: async () => {
              const writer = createS3Client(access);
              try {
                const mending = { host: facts.host, folder, record, signal: facts.signal };
                const found = await mendBucketCheckFile(mending, writer);
                return `put the check file back into the bucket: ${count(found, 'object')} there, each as agreed`;
              } finally {
                writer.close();
              }
            },
          }),
    }),
  ];
}

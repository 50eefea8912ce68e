import { createHash, randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { ExitCode } from '../../output/exit-codes.ts';
import { createS3Client, type S3Client } from '../../s3/client.ts';
import { isS3Failure, S3RequestError } from '../../s3/errors.ts';
import type { BucketAccess } from '../../session/bucket-access.ts';
import { ensureBucketKey } from '../../session/bucket-key.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { failure, ok, type Observation } from '../finding.ts';

export const bucketChecks: readonly Check[] = [
  {
    id: 'bucket',
    group: 'Account and bucket',
    title: 'Bucket',
    // Not the server: what is stored is enough to sync and to mount.
    needs: ['storage', 'secrets'],
    withinMs: 30_000,
    exitCode: ExitCode.unreachable,
    run: bucket,
  },
];

/** Sync leaves names alone that begin like this, on both sides. */
const PROBE_PREFIX = '.cloud-doctor-';
/** No other doctor is still at work with a probe of this age. */
const PROBE_LEFT_MS = 600_000;

async function bucket(facts: Facts): Promise<Observation[]> {
  const access = await facts.access();
  const s3 = createS3Client(access);
  try {
    const leftovers = await s3.list(PROBE_PREFIX, facts.signal);
    const seen = [
      access.permission === 'ro' ? await onlyReading(access, s3) : await everything(facts, s3),
    ];
    const now = facts.host.clock.now();
    const old = leftovers.filter(({ modifiedMs }) => now - modifiedMs > PROBE_LEFT_MS);
    if (access.permission === 'rw') for (const { key } of old) await remove(s3, key);
    return seen;
  } catch (error) {
    facts.signal.throwIfAborted();
    if (!(error instanceof S3RequestError)) throw error;
    return [refusal(facts, access, error)];
  } finally {
    s3.close();
  }
}

/** With a read-only key a read is a look for what is not there: nothing can be put to be read. */
async function onlyReading({ bucket }: BucketAccess, s3: S3Client): Promise<Observation> {
  await s3.head(`${PROBE_PREFIX}none`);
  return ok(`The bucket ${bucket} can be listed and read (the key may only read)`);
}

async function everything(facts: Facts, s3: S3Client): Promise<Observation> {
  const { bucket } = await facts.access();
  const key = `${PROBE_PREFIX}${randomBytes(6).toString('hex')}`;
  const body = Buffer.from('cloud doctor looks whether it can write here.\n');
  const md5 = createHash('md5').update(body).digest('hex');
  const { signal } = facts;
  try {
    const modifiedMs = facts.host.clock.now();
    await s3.put({ key, body, md5, modifiedMs, condition: { ifAbsent: true }, signal });
    const answer = await s3.get(key, signal);
    if ((await text(answer.body)) !== body.toString()) {
      return failure(ExitCode.failed, `The bucket ${bucket} gave back other bytes than were put`, {
        cause: 'Something between here and the storage changes what passes.',
        cure: { sentence: 'Look for a proxy that rewrites answers; do not sync through it.' },
      });
    }
  } finally {
    // Also after an interruption, and where it is not known whether the write took place.
    await remove(s3, key);
  }
  return ok(`The bucket ${bucket} can be listed, written, read and deleted from`);
}

/** @throws S3RequestError when it stays */
async function remove(s3: S3Client, key: string): Promise<void> {
  const head = await s3.head(key);
  if (head === undefined) return;
  try {
    await s3.delete(key, head.etag);
  } catch (error) {
    // A storage without conditions of deletes; the name is ours alone.
    if (!isS3Failure(error, 'server') || error.status !== 501) throw error;
    await s3.delete(key, undefined);
  }
}

function refusal(facts: Facts, access: BucketAccess, error: S3RequestError): Observation {
  const cause = error.message;
  const { bucket } = access;
  if (error.keyRefused) {
    return failure(ExitCode.auth, `The storage does not accept the key for ${bucket}`, {
      cause,
      cure: { sentence: 'Get a new one; this one is revoked.', command: 'cloud doctor --fix' },
      fix: () => replaceKey(facts, access),
    });
  }
  if (error.clockRefused) {
    return failure(ExitCode.needsPerson, 'The storage refuses requests signed by this clock', {
      cause,
      cure: { sentence: 'Set the clock of this machine.' },
    });
  }
  if (error.storageFull) {
    return failure(ExitCode.failed, `The storage of ${bucket} is full`, {
      cause,
      cure: { sentence: 'Delete something there, or get more room.' },
    });
  }
  if (error.failure === 'denied') {
    return failure(ExitCode.auth, `The key may not do all that is needed in ${bucket}`, {
      cause,
      cure: { sentence: 'Ask whoever runs the server what this key may do.' },
    });
  }
  const exitCode = error.ambiguous ? ExitCode.unreachable : ExitCode.failed;
  return failure(exitCode, `The bucket ${bucket} cannot be used`, {
    cause,
    cure: { sentence: 'Try again in a moment.', command: 'cloud doctor' },
  });
}

/**
 * A key that the storage refuses although the server still lists it would be taken for good; so it
 * is revoked first. Nothing is lost by that: it is refused already.
 */
async function replaceKey(facts: Facts, { credentialId }: BucketAccess): Promise<string> {
  const session = await facts.session();
  const { credentials } = await session.api.listMountCredentials();
  if (credentials.some(({ id }) => id === credentialId)) {
    await session.api.revokeMountCredential(credentialId);
  }
  await ensureBucketKey(session, facts.host);
  return 'got a new key for the bucket; the refused one is revoked';
}

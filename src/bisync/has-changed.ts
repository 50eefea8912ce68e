import type { Host } from '../platform/host.ts';
import { createS3Client, type S3Client } from '../s3/client.ts';
import { storedState } from './locked-run.ts';
import type { BisyncOptions } from './options.ts';
import { checkMarker } from './marker.ts';
import { openPair, readRecord } from './pair.ts';
import { makePlan } from './plan.ts';
import { quickScan } from './quick-scan.ts';
import { mayBeQuick } from './take-scan.ts';

/**
 * Whether anything has changed on either side since both last agreed, without the lock and without
 * changing anything but the change time of the folder marker.
 *
 * @returns undefined where only a run can tell: it is due then
 * @throws AbortError `halted-marker-missing` (78)
 */
export async function hasChanged(
  options: Pick<BisyncOptions, 'access' | 'localRoot' | 'gitignore' | 'signal'>,
  host: Host,
  deps: { s3?: S3Client; settledMs?: number } = {},
): Promise<boolean | undefined> {
  const { access, localRoot, gitignore = false, signal } = options;
  const pair = await openPair(host, access, localRoot);
  await checkMarker(pair, await readRecord(pair.folder));
  const { stored: baseline, leftovers } = await storedState(pair, { dryRun: true });
  const { folder } = pair;
  if (baseline === undefined) return undefined;
  if (!(await mayBeQuick({}, folder, { stored: baseline, leftovers }))) return undefined;
  const s3 = deps.s3 ?? createS3Client(access);
  try {
    const { settledMs } = deps;
    const about = { pair, baseline, s3, gitignore, checkAccess: false, signal, settledMs };
    const quick = await quickScan(about, host);
    if (quick === undefined) return undefined;
    const { local, remote } = quick.scan;
    return makePlan(baseline, local, remote).actions.length > 0;
  } finally {
    if (deps.s3 === undefined) s3.close();
  }
}

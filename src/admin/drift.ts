import type { ApiClient } from '../api/client.ts';
import type { DriftFinding } from '../api/contract/drift.ts';
import { AbortError } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { count } from '../output/format.ts';

/** What differs, and whether it was put right. Without `fix` nothing is changed. */
export async function compareStorage(
  client: Pick<ApiClient, 'findDrift' | 'fixDrift'>,
  {
    tenant,
    fix,
    foreign = false,
  }: { tenant?: string | undefined; fix: boolean; foreign?: boolean },
): Promise<DriftFinding[]> {
  return (await (fix ? client.fixDrift(tenant, foreign) : client.findDrift(tenant))).findings;
}

/** For scripts: code 8 as long as something differs. @throws AbortError `drift` (8) */
export function assertNoDrift(findings: readonly DriftFinding[], tenant?: string): void {
  const open = findings.filter(({ fixed }) => fixed !== true);
  if (open.length === 0) return;
  const isCurable = open.some(({ fix, fixed }) => fix !== 'none' && fixed === null);
  const of = tenant === undefined ? '' : ` --tenant ${tenant}`;
  throw new AbortError(
    'drift',
    `${count(open.length, 'difference')} between database and storage.`,
    {
      exitCode: ExitCode.differences,
      suggestions: isCurable ? [`cloud admin drift --fix${of}`] : [],
      details: { differences: open.length },
    },
  );
}

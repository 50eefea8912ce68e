import { reportOf } from '../../src/cli/report.ts';
import { examine, type DoctorOptions, type DoctorResult } from '../../src/doctor/examine.ts';
import type { DoctorDeps } from '../../src/doctor/facts.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { Host } from '../../src/platform/host.ts';

export interface Visit extends DoctorResult {
  /** The findings of one check. */
  of(check: string): Finding[];
  /** Everything that is not well, as `check: summary`. */
  trouble: string[];
}

/** What `cloud doctor` finds, in this process. */
export async function visit(
  host: Host,
  options: Partial<DoctorOptions> = {},
  deps: Partial<DoctorDeps> = {},
): Promise<Visit> {
  const { signal } = new AbortController();
  const result = await examine({ flags: {}, fix: false, signal, ...options }, host, {
    reportOf,
    ...deps,
  });
  return {
    ...result,
    of: (check) => result.findings.filter((finding) => finding.check === check),
    trouble: result.findings
      .filter(({ level }) => level === 'failure' || level === 'warning')
      .map(({ check, summary }) => `${check}: ${summary}`),
  };
}

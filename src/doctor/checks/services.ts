import { ExitCode } from '../../output/exit-codes.ts';
import type { ServiceStatus } from '../../service/service-status.ts';
import type { Check } from '../check.ts';
import type { Facts } from '../facts.ts';
import { cureOf, failure, ok, warning, withoutStop, type Observation } from '../finding.ts';

export const serviceChecks: readonly Check[] = [
  {
    id: 'services',
    group: 'Background services',
    title: 'Background services',
    withinMs: 15_000,
    exitCode: ExitCode.failed,
    run: services,
  },
];

async function services(facts: Facts): Promise<Observation[]> {
  const all = await facts.deps.services(facts.host);
  return all.map((status) => judgeService(status, facts.deps.reinstallService));
}

/** What installing again mends. What somebody edited, they may want so. */
const MENDED: readonly string[] = [
  'definition-missing',
  'not-taken-in',
  'program-missing',
  'older-version',
];

export function judgeService(
  status: ServiceStatus,
  reinstall: ((status: ServiceStatus) => Promise<void>) | undefined,
): Observation {
  const { kind, context, state, message, exitCode, faults, nextSteps } = status;
  const name = `The ${kind} service for ${context}`;
  const cure = cureOf(nextSteps);
  const edited = faults.some(({ code }) => code === 'definition-edited');
  const mends = !edited && faults.some(({ code }) => MENDED.includes(code));
  const more = {
    ...(faults.length === 0 ? {} : { cause: faults.map(({ message: text }) => text).join(' ') }),
    ...(cure === undefined ? {} : { cure }),
    ...(mends && reinstall !== undefined
      ? {
          fix: async () => {
            await reinstall(status);
            return `wrote the definition of the ${kind} service for ${context} anew`;
          },
        }
      : {}),
  };
  if (state === 'waiting' || state === 'dead') {
    const code = Object.values(ExitCode).find((each) => each === exitCode) ?? ExitCode.failed;
    return failure(code, `${name}: ${withoutStop(message)}`, more);
  }
  if (faults.length > 0) return warning(`${name} is not set up as it should be`, more);
  if (state === 'resting') return warning(`${name}: ${withoutStop(message)}`, more);
  return ok(`${name}: ${withoutStop(message)}`);
}

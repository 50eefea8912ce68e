import type { SetupResult } from '../onboarding/setup.ts';
import { AbortError } from '../output/errors.ts';
import type { Output } from '../output/output.ts';
import { askYesNo } from '../output/prompt.ts';
import type { Host } from '../platform/host.ts';
import { installService } from '../service/install.ts';
import { SERVICE_KINDS } from '../service/kinds.ts';
import { presentInstalled } from '../service/present-service.ts';
import { serviceDeps, type ServiceDeps } from '../service/service-context.ts';
import { thisProgram } from './mount-supervisor.ts';

interface AfterSetup {
  result: SetupResult;
  profile: string | undefined;
  /** By `--service`. */
  wanted: boolean;
  /** Whether a person may be offered it. */
  mayAsk: boolean;
}

/**
 * What setup started goes on in the background, where `--service` or a person at the terminal says so.
 *
 * @returns whether it does
 * @throws AbortError as `installService`; everything else of setup is done by then
 */
export async function installAfterSetup(
  { result, profile, wanted, mayAsk }: AfterSetup,
  run: { host: Host; out: Output; signal: AbortSignal; cliVersion: string },
): Promise<boolean> {
  const { host, out, signal, cliVersion } = run;
  if (!wanted && !(mayAsk && out.options.interactive)) return false;
  const deps = wanted ? serviceDeps(host, thisProgram(), cliVersion) : reachable(run);
  if (deps === undefined) return false;
  if (!wanted) {
    // Nobody is offered what this machine cannot do.
    if (!(await answers(deps))) return false;
    const question = 'Go on in the background, now and from every login on?';
    if (!(await askYesNo(question, signal))) return false;
  }
  const kinds = SERVICE_KINDS.filter((kind) => result[kind] !== null);
  for (const kind of kinds) {
    const path = result[kind]?.path;
    const installed = await installService(
      {
        ...{ kind, context: result.context, path, profile, start: true },
        agree: (question) => Promise.reject(new AbortError('not-confirmed', question)),
      },
      host,
      deps,
    );
    out.event({ type: 'service', ...installed });
    out.note(`\n${presentInstalled(installed)}`);
  }
  return true;
}

function reachable(run: { host: Host; cliVersion: string }): ServiceDeps | undefined {
  try {
    return serviceDeps(run.host, thisProgram(), run.cliVersion);
  } catch {
    return undefined;
  }
}

async function answers({ manager }: ServiceDeps): Promise<boolean> {
  return manager.check().then(
    () => true,
    () => false,
  );
}

import type { DoctorDeps } from '../doctor/facts.ts';
import { AbortError } from '../output/errors.ts';
import type { Host } from '../platform/host.ts';
import { installService } from '../service/install.ts';
import { serviceDeps } from '../service/service-context.ts';
import { serviceStatuses } from '../service/service-status.ts';
import { thisProgram } from './mount-supervisor.ts';

/** What `cloud doctor` knows of the services, and how it mends them. */
export function doctorServices(
  host: Host,
  cliVersion: string,
): Pick<DoctorDeps, 'services' | 'reinstallService'> {
  return {
    services: () => serviceStatuses(host, { cliVersion, askManager: true }),
    reinstallService: async ({ kind, context, path, profile, state }) => {
      const request = { kind, context, path: path ?? undefined, profile: profile ?? undefined };
      await installService(
        {
          ...request,
          // One that was stopped, or waits for a person, is not started behind their back.
          start: state === 'running' || state === 'resting' || state === 'dead',
          agree: (question) => Promise.reject(new AbortError('not-confirmed', question)),
        },
        host,
        serviceDeps(host, thisProgram(), cliVersion),
      );
    },
  };
}

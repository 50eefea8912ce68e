import type { Command } from '@oclif/core/command';
import type { ServiceKind } from '../service/kinds.ts';
import { BaseCommand } from './base-command.ts';
import type { ServiceRun } from './service-requests.ts';

/** What the commands of `bisync-service` and `mount-service` do alike. */
export abstract class ServiceCommand<T extends typeof Command> extends BaseCommand<T> {
  protected async install(
    kind: ServiceKind,
    wanted: { path?: string | undefined; profile?: string | undefined; start: boolean },
  ): Promise<void> {
    const { requestInstall } = await import('./service-requests.ts');
    const { presentInstalled } = await import('../service/present-service.ts');
    const agree = (question: string): Promise<void> => this.agreed(question);
    this.out.result(await requestInstall(this.#run(kind), wanted, agree), presentInstalled);
  }

  protected async change(
    kind: ServiceKind,
    verb: 'started' | 'stopped' | 'restarted' | 'uninstalled',
  ): Promise<void> {
    const { requestChange } = await import('./service-requests.ts');
    await requestChange(verb, this.#run(kind), this.out);
  }

  protected async status(kind: ServiceKind): Promise<void> {
    const { requestStatus } = await import('./service-requests.ts');
    const { presentServiceStatus } = await import('../service/present-service.ts');
    const status = await requestStatus(this.#run(kind));
    const now = this.host.clock.now();
    this.out.result(status, (all, out) => presentServiceStatus(all, out, now));
    process.exitCode = status.exitCode;
  }

  protected async logs(
    kind: ServiceKind,
    { limit, follow }: { limit: number; follow: boolean },
  ): Promise<void> {
    const { requestLogs } = await import('./service-requests.ts');
    await requestLogs(this.#run(kind), { limit, follow, signal: this.signal }, this.out);
  }

  #run(kind: ServiceKind): ServiceRun {
    const { host, config } = this;
    const { context, server } = this.flags;
    return { kind, host, cliVersion: config.version, flags: { context, server } };
  }
}

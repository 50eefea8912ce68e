import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../cli/base-command.ts';
import type { SetupResult } from '../onboarding/setup.ts';

export default class Setup extends BaseCommand<typeof Setup> {
  static override summary = 'From nothing to a mounted or synced bucket.';
  static override description =
    'Finds or installs rclone, signs in (on a terminal by a code that you approve in a browser), gets keys for the bucket once, configures, and starts. Run it again after an interruption: it goes on. Without --mode it mounts where this machine can, else it syncs a folder.';
  static override flags = {
    mode: Flags.option({
      description: 'Mount the bucket, sync a folder with it, or both.',
      options: ['mount', 'bisync', 'both'] as const,
      env: 'CLOUD_MODE',
    })(),
    path: Flags.string({
      description: 'Folder to sync; by default ~/Cloud/TENANT.',
      helpValue: 'DIR',
      env: 'CLOUD_PATH',
    }),
    'mount-path': Flags.string({
      description: 'Folder to mount at; by default ~/CloudMount/TENANT.',
      helpValue: 'DIR',
      env: 'CLOUD_MOUNT_PATH',
    }),
    profile: Flags.option({
      description: 'How careful or how fast; see `cloud mount --help`.',
      options: ['safe', 'balanced', 'fast'] as const,
      env: 'CLOUD_PROFILE',
    })(),
    watch: Flags.boolean({
      description: 'Then keep the folder in sync until Ctrl-C; syncs a folder unless --mode says.',
    }),
    service: Flags.boolean({
      description: 'Then keep it going in the background, from every login on.',
      exclusive: ['watch'],
    }),
    rclone: Flags.string({
      description: 'The rclone to use.',
      helpValue: 'FILE',
      env: 'CLOUD_RCLONE',
    }),
    username: Flags.string({
      description: 'Sign in with this user name and a password.',
      helpValue: 'NAME',
      exclusive: ['token-stdin'],
    }),
    'password-stdin': Flags.boolean({
      description: 'Read the password from standard input.',
      dependsOn: ['username'],
    }),
    'token-stdin': Flags.boolean({ description: 'Read the API key from standard input.' }),
    tenant: Flags.string({
      description: 'Tenant to work in, where you belong to several.',
      helpValue: 'SLUG',
      env: 'CLOUD_TENANT',
    }),
    browser: Flags.boolean({
      allowNo: true,
      default: true,
      description: 'Open a browser for the sign-in where there is one.',
      env: 'CLOUD_BROWSER',
    }),
    'insecure-storage': Flags.boolean({
      description: 'Without a keychain, keep the secrets in a file only your user can read.',
      env: 'CLOUD_INSECURE_STORAGE',
    }),
  };
  static override examples = [
    {
      description: 'Everything, with a key that lies in a file',
      command:
        '<%= config.bin %> <%= command.id %> --server https://cloud.example --token-stdin < key.txt',
    },
    {
      description: 'A synced folder, with no questions',
      command: '<%= config.bin %> <%= command.id %> --mode bisync --path ~/notes --yes',
    },
  ];

  #done: () => readonly string[] = () => [];

  override async run(): Promise<void> {
    const { planSetup } = await import('../onboarding/setup.ts');
    const { presentSetup } = await import('../onboarding/present-setup.ts');
    const { setupRequest } = await import('../cli/setup-request.ts');
    const { runTasks } = await import('../output/tasks.ts');
    const { options, deps } = await setupRequest(this.flags, {
      host: this.host,
      out: this.out,
      signal: this.signal,
      confirm: (question) => this.confirm(question),
      onFirstSync: (plan) => this.out.event({ type: 'first-sync', ...plan }),
    });
    const setup = planSetup(options, deps);
    this.#done = setup.done;
    await runTasks(setup.prepare, this.out);
    await runTasks(await setup.compare(), this.out);
    await setup.agree();
    await runTasks(setup.start, this.out);
    const result = setup.result();
    this.out.final(result, presentSetup);
    process.exitCode = result.exitCode;
    if (await this.#serve(result)) return;
    if (result.bisync !== null) await this.#watch(result.context, result.bisync.path);
  }

  /** @returns whether it goes on in the background */
  async #serve(result: SetupResult): Promise<boolean> {
    const { installAfterSetup } = await import('../cli/setup-service.ts');
    const { profile, service, watch, yes } = this.flags;
    return installAfterSetup(
      { result, profile, wanted: service, mayAsk: !watch && !yes },
      { host: this.host, out: this.out, signal: this.signal, cliVersion: this.config.version },
    );
  }

  async #watch(context: string, path: string): Promise<void> {
    const { interactive } = this.out.options;
    if (!this.flags.watch && (!interactive || this.flags.yes)) return;
    if (!this.flags.watch) {
      const { askYesNo } = await import('../output/prompt.ts');
      if (!(await askYesNo('Keep the folder in sync now, until Ctrl-C?', this.signal))) return;
    }
    const { runWatch } = await import('../cli/run-watch.ts');
    const { profile } = this.flags;
    await runWatch(
      {
        ...{ session: { context, server: undefined }, path, profile },
        ...{ intervalMs: 60_000, command: 'cloud setup --watch', signal: this.signal },
      },
      this.host,
      this.out,
    );
  }

  protected override async catch(error: Error): Promise<void> {
    await super.catch(error);
    const done = this.#done().join(', ');
    const again = 'Run it again: it goes on from there.';
    if (done !== '') this.out.note(this.wrapped(`Done so far: ${done}. ${again}`));
    else if (this.signal.aborted) this.out.note(again);
  }
}

import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Interfaces } from '@oclif/core';
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { heardLatestVersion } from '../api/latest-version.ts';
import { currentHost, type Host } from '../platform/host.ts';
import { AbortError, type ErrorReport } from '../output/errors.ts';
import { ExitCode } from '../output/exit-codes.ts';
import { wrap } from '../output/format.ts';
import { openLog, type Log } from '../output/log.ts';
import { Output, type OutputFormat } from '../output/output.ts';
import { withoutBeatenVariables } from './beaten-variables.ts';
import { Interrupted, reportOf } from './report.ts';
import type { Call } from './usage-error.ts';

export const GLOBAL = 'GLOBAL';

type FlagsOf<T extends typeof Command> = Interfaces.InferredFlags<
  (typeof BaseCommand)['baseFlags'] & T['flags']
>;
type ArgsOf<T extends typeof Command> = Interfaces.InferredArgs<T['args']>;

/**
 * What all commands share: the flags of docs/formatting.md, the output, the exit code, the log and
 * the signals. A command parses nothing itself: `this.flags` and `this.args` are typed.
 */
export abstract class BaseCommand<T extends typeof Command> extends Command {
  static override baseFlags = {
    json: Flags.boolean({
      helpGroup: GLOBAL,
      description: 'Print JSON: one document, or a line for each event of a long run.',
      env: 'CLOUD_JSON',
      exclusive: ['output'],
    }),
    output: Flags.option({
      helpGroup: GLOBAL,
      description: 'Form of the result.',
      options: ['table', 'tsv', 'json'] as const,
      env: 'CLOUD_OUTPUT',
    })(),
    quiet: Flags.boolean({
      char: 'q',
      helpGroup: GLOBAL,
      description: 'Print the result only, no progress.',
      env: 'CLOUD_QUIET',
    }),
    verbose: Flags.boolean({
      char: 'v',
      helpGroup: GLOBAL,
      description: 'Print reasons and details.',
      env: 'CLOUD_VERBOSE',
    }),
    'no-color': Flags.boolean({
      helpGroup: GLOBAL,
      description: 'Print without colours (NO_COLOR does the same).',
      env: 'CLOUD_NO_COLOR',
    }),
    'no-input': Flags.boolean({
      helpGroup: GLOBAL,
      description: 'Never ask; end with an error instead.',
      env: 'CLOUD_NO_INPUT',
    }),
    yes: Flags.boolean({
      char: 'y',
      helpGroup: GLOBAL,
      description: 'Answer yes to every question.',
      env: 'CLOUD_YES',
    }),
    context: Flags.string({
      helpGroup: GLOBAL,
      description: 'Account and tenant to use.',
      helpValue: 'NAME',
      env: 'CLOUD_CONTEXT',
    }),
    server: Flags.string({
      helpGroup: GLOBAL,
      description: 'Address of the server.',
      helpValue: 'URL',
      env: 'CLOUD_SERVER',
    }),
  };

  /** Whether what nobody said on the command line is looked up in the project file and configuration. */
  static usesSettings = true;

  protected flags!: FlagsOf<T>;
  protected args!: ArgsOf<T>;
  /** All arguments, where a command takes several of the same kind. */
  protected words: string[] = [];
  protected out!: Output;
  protected journal!: Log;
  protected readonly host: Host = currentHost();
  readonly #interruption = new AbortController();

  /** Aborted by SIGINT or SIGTERM; a second signal ends the process at once. */
  protected get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  /** Where this run is logged, under the state folder. */
  protected get logPath(): string {
    return join(this.host.places.state, 'logs', 'cloud.log');
  }

  override async init(): Promise<void> {
    await super.init();
    this.journal = openLog(this.logPath);
    this.out = outputFromArgv(this.argv);
    const { baseFlags } = super.ctor as typeof BaseCommand;
    const known = { ...this.ctor.baseFlags, ...this.ctor.flags };
    const { flags, args, argv, metadata } = await this.parse({
      flags: withoutBeatenVariables(this.ctor.flags, known, this.argv),
      baseFlags: withoutBeatenVariables(baseFlags, known, this.argv),
      args: this.ctor.args,
      strict: this.ctor.strict,
    });
    const given = Object.keys(flags).filter((name) => !metadata.flags[name]?.setFromDefault);
    const { settingsForFlags } = await import('../session/setting-layers.ts');
    if ((this.ctor as typeof BaseCommand).usesSettings) {
      Object.assign(flags, await settingsForFlags(this.host, Object.keys(known), new Set(given)));
    }
    this.flags = { ...unsetBooleans(this.ctor), ...flags } as FlagsOf<T>;
    this.args = args as ArgsOf<T>;
    this.words = argv.map(String);
    this.out = makeOutput({
      format: flags.json ? 'json' : (flags.output ?? 'table'),
      quiet: flags.quiet,
      verbose: flags.verbose,
      noColor: flags['no-color'],
      noInput: flags['no-input'],
    });
    this.#listenForSignals();
  }

  #listenForSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        const reason = new Interrupted(signal);
        if (this.signal.aborted) process.exit(reason.exitCode);
        this.#interruption.abort(reason);
      });
    }
  }

  /**
   * For a destructive step: true when `--yes` was given or a person agrees.
   *
   * @throws AbortError with exit code 2 when nobody can be asked
   */
  protected async confirm(question: string): Promise<boolean> {
    if (this.flags.yes) {
      // Agreed to beforehand is no reason not to hear to what.
      this.out.note(question);
      return true;
    }
    if (!this.out.options.interactive) {
      throw new AbortError('confirmation-needed', question, {
        exitCode: ExitCode.usage,
        suggestions: ['Run it again with --yes to confirm.'],
      });
    }
    const { askYesNo } = await import('../output/prompt.ts');
    this.out.options.stderr.write(`${stripVTControlCharacters(question)}\n`);
    return askYesNo('Go on?', this.signal);
  }

  /**
   * The same for what is not done otherwise.
   *
   * @throws AbortError `not-confirmed`, `confirmation-needed` (2)
   */
  protected async agreed(question: string): Promise<void> {
    if (await this.confirm(question)) return;
    throw new AbortError('not-confirmed', 'Nothing was done.', { exitCode: ExitCode.usage });
  }

  protected override catch(error: Error): Promise<void> {
    // An abort surfaces as whatever the aborted call throws; the reason is what happened.
    const cause = this.signal.aborted ? (this.signal.reason as Error) : error;
    const report = reportOf(cause, this.logPath, this.#call());
    if (report.exitCode !== ExitCode.ok && report.exitCode < 128) {
      this.journal.write('error', report.message, {
        code: report.code,
        command: this.id,
        stack: error.stack,
      });
    }
    // Where a person can put it right, where in the program it was found is only noise.
    const isOurs = report.code === 'unexpected' || report.code === 'bug';
    printError(report, this.out, isOurs && this.out.options.verbose ? error.stack : undefined);
    process.exitCode = report.exitCode;
    return Promise.resolve();
  }

  /** Broken at spaces for the terminal; on one line in a pipe, for grep. */
  protected wrapped(text: string): string {
    return wrap(text, widthOf(this.out.options.stderr));
  }

  /** Where somebody reads, and nobody said not to. Costs a command that asked no server a look at a file. */
  async #tellOfUpdate(): Promise<void> {
    const { CLOUD_UPDATE_NOTICE, NO_UPDATE_NOTIFIER } = this.host.env;
    if (CLOUD_UPDATE_NOTICE === '0' || (NO_UPDATE_NOTIFIER ?? '') !== '') return;
    const { interactive, quiet, stderr } = this.out.options;
    const call = {
      heard: heardLatestVersion(),
      mayTell: interactive && !quiet && stderr.isTTY === true,
    };
    if (call.heard === undefined && !call.mayTell) return;
    const { updateNotice } = await import('./update-notice.ts');
    const line = await updateNotice(this.host, this.config, call);
    if (line !== undefined) this.out.note(this.wrapped(line));
  }

  /** For an error of the command line. */
  #call(): Call {
    const flags = { ...this.ctor.baseFlags, ...this.ctor.flags };
    return {
      command: this.id?.replaceAll(':', ' '),
      flags: new Map(Object.entries(flags).map(([name, flag]) => [name, envOf(flag)])),
      argv: this.argv,
    };
  }

  protected override async finally(_error: Error | undefined): Promise<void> {
    // The default collects performance marks; signals no longer matter once the result is out.
    process.removeAllListeners('SIGINT');
    process.removeAllListeners('SIGTERM');
    await this.#tellOfUpdate();
  }
}

/** The variable that sets a flag, where one does now. */
function envOf(flag: { env?: string | undefined }): string | undefined {
  return flag.env !== undefined && process.env[flag.env] !== undefined ? flag.env : undefined;
}

/**
 * oclif's types call an absent boolean flag `boolean`, and its parser leaves it undefined. Where
 * `--no-…` is possible, undefined means that nobody said anything.
 */
function unsetBooleans(command: typeof Command): Record<string, false> {
  const names = Object.entries({ ...command.baseFlags, ...command.flags })
    .filter(([, flag]) => flag.type === 'boolean' && !flag.allowNo)
    .map(([name]) => [name, false] as const);
  return Object.fromEntries(names);
}

/**
 * The error on stderr: one JSON line for programs; what happened and what to do for people. In a
 * pipe each line stays whole, for grep.
 */
export function printError(report: ErrorReport, out: Output, stack?: string): void {
  const { stderr } = out.options;
  if (out.json) {
    stderr.write(`${JSON.stringify({ error: report })}\n`);
    return;
  }
  const width = widthOf(stderr);
  const message = wrap(`Error: ${stripVTControlCharacters(report.message)}`, width);
  stderr.write(`${message.replace(/^Error:/, out.style('red', 'Error:'))}\n`);
  for (const suggestion of report.suggestions) {
    stderr.write(`${wrap(`  ${suggestion}`, width, '    ')}\n`);
  }
  if (stack !== undefined) out.detail(stack);
}

function widthOf({ columns }: { columns?: number | undefined }): number {
  return columns === undefined || columns === 0 ? Infinity : columns;
}

/** What can be said before the flags are parsed, so that even a parse error has its form. */
export function outputFromArgv(argv: readonly string[]): Output {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const { CLOUD_JSON, CLOUD_OUTPUT } = process.env;
  const json =
    own.includes('--json') ||
    /^(1|true|t|yes|y|on)$/i.test(CLOUD_JSON ?? '') ||
    CLOUD_OUTPUT === 'json' ||
    own.includes('--output=json') ||
    (own[own.indexOf('--output') + 1] === 'json' && own.includes('--output'));
  return makeOutput({
    format: json ? 'json' : 'table',
    quiet: false,
    verbose: own.includes('--verbose') || own.includes('-v'),
    noColor: own.includes('--no-color'),
    noInput: true,
  });
}

function makeOutput(options: {
  format: OutputFormat;
  quiet: boolean;
  verbose: boolean;
  noColor: boolean;
  noInput: boolean;
}): Output {
  const { env, stdin, stdout, stderr } = process;
  const plain = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb' || options.noColor;
  const terminal = stdout.isTTY && stderr.isTTY;
  const automatic = (env['CI'] ?? '') !== '' || options.format === 'json';
  // Reasons and details are lines to be read; a picture drawn in place would wipe them out.
  const linesOnly = options.quiet || options.verbose;
  return new Output({
    format: options.format,
    quiet: options.quiet,
    verbose: options.verbose,
    color: terminal && !plain,
    // A terminal that does not know its width cannot be drawn on.
    animated: terminal && stdout.columns > 0 && !plain && !automatic && !linesOnly,
    interactive: stdin.isTTY && stdout.isTTY && !options.noInput && !automatic,
    stdout,
    stderr,
  });
}

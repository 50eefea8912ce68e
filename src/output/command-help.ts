import type { Command } from '@oclif/core/command';
import { CommandHelp } from '@oclif/core/help';

/**
 * A command's own help page. oclif writes which flags exclude each other into the usage line, which it does right for
 * pairs only; here the line stays a line, and each flag says what it does not go with.
 */
export class CommandPage extends CommandHelp {
  protected override defaultUsage(): string {
    const { id, args, flags, strict } = this.command;
    const words = Object.values(args)
      .filter(({ hidden }) => hidden !== true)
      .map(({ name, required }) => {
        const word = `${name.toUpperCase()}${strict === false ? '...' : ''}`;
        return required === true ? word : `[${word}]`;
      });
    const required = Object.values(flags)
      .filter((flag) => flag.required === true)
      .map((flag) => `--${flag.name}${flag.type === 'option' ? ` ${valueOf(flag)}` : ''}`);
    return [id, ...words, ...required, '[FLAGS]'].join(' ');
  }

  /** What the summary on top does not say yet. */
  protected override description(): string | undefined {
    const { description, summary } = this.command;
    return description === undefined || description === summary
      ? undefined
      : this.wrap(description);
  }

  protected override flags(all: Command.Flag.Any[]): [string, string | undefined][] | undefined {
    if (all.length === 0) return undefined;
    const indent = all.some(({ char }) => char !== undefined) ? '    ' : '';
    return all.map((flag) => [label(flag, indent), describe(flag)]);
  }
}

function label(flag: Command.Flag.Any, indent: string): string {
  const short = flag.char === undefined ? indent : `-${flag.char}, `;
  const long = `--${flag.type === 'boolean' && flag.allowNo ? '[no-]' : ''}${flag.name}`;
  return `${short}${long}${flag.type === 'option' ? `=${valueOf(flag)}` : ''}`;
}

/** What options come to when they stand beside the flag; longer, and little room is left for the words. */
const OPTIONS_BESIDE = 24;

function valueOf(flag: Command.Flag.Any & { type: 'option' }): string {
  const options = flag.options?.join('|');
  const beside = options !== undefined && options.length <= OPTIONS_BESIDE ? options : 'VALUE';
  const value = flag.helpValue ?? beside;
  return `${String(value)}${flag.multiple === true ? '...' : ''}`;
}

/** What the flag does first; then whether it must be, what it goes with, and where else it can be set. */
function describe(flag: Command.Flag.Any): string {
  const named = (names: readonly string[]): string => names.map((name) => `--${name}`).join(', ');
  const excluded = (flag.exclusive ?? []).filter((each) => typeof each === 'string');
  return [
    flag.description ?? '',
    ...(flag.type === 'option' && flag.options !== undefined && valueOf(flag) === 'VALUE'
      ? [`One of ${flag.options.join(', ')}.`]
      : []),
    ...(flag.type === 'option' && isTold(flag.default) ? [`By default ${flag.default}.`] : []),
    ...(flag.required === true ? ['Required.'] : []),
    ...(excluded.length > 0 ? [`Not with ${named(excluded)}.`] : []),
    ...(flag.dependsOn === undefined ? [] : [`Only with ${named(flag.dependsOn)}.`]),
    ...(flag.env === undefined ? [] : [`[${flag.env}]`]),
  ].join(' ');
}

/** 0 and what is made when it runs (a function) say nothing. */
function isTold(value: unknown): value is string | number {
  return typeof value === 'string' || (typeof value === 'number' && value !== 0);
}

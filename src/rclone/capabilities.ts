import { fullestArgvs, longFlags } from './argv.ts';
import type { RcloneCapabilities } from './rclone.ts';

/** What a binary says about itself, from its help texts. */
export interface HelpTexts {
  /** `rclone help`: the commands of this build. */
  help: string;
  /** `rclone help flags`: the flags that every command takes. */
  flags: string;
  /** `rclone <command> --help`, of the commands with flags of their own that we use. */
  commands: { bisync?: string | undefined };
}

/** The names under `Available commands:` in the output of `rclone help`. */
export function parseCommands(help: string): Set<string> {
  const list = /^Available commands:\s*\n((?:[ \t]+\S.*\n?)+)/im.exec(help)?.[1] ?? '';
  return new Set(list.split('\n').flatMap((line) => /^\s+([a-z0-9]+)\s/.exec(line)?.[1] ?? []));
}

/** The long flags in a help text, each line of which is `  -n, --dry-run   Do a trial run`. */
export function parseFlags(help: string): Set<string> {
  return new Set(
    help
      .split('\n')
      .flatMap((line) => /^\s+(?:-\w, )?(--[a-z0-9][a-z0-9-]*)/.exec(line)?.[1] ?? []),
  );
}

/** The flags of `argv` that this build's command does not know. */
export function missingFlags(argv: readonly string[], texts: HelpTexts): string[] {
  const own = argv[0] === 'bisync' ? (texts.commands.bisync ?? '') : '';
  const known = new Set([...parseFlags(texts.flags), ...parseFlags(own)]);
  return longFlags(argv).filter((flag) => !known.has(flag));
}

/** A command counts only if it is in the build and takes every flag that we would give it. */
export function capabilitiesOf(texts: HelpTexts): RcloneCapabilities {
  const commands = parseCommands(texts.help);
  const { bisync, rcd } = fullestArgvs();
  return {
    rcd: commands.has('rcd') && missingFlags(rcd, texts).length === 0,
    bisync: commands.has('bisync') && missingFlags(bisync, texts).length === 0,
    mount: commands.has('mount') || commands.has('cmount'),
    nfsmount: commands.has('nfsmount'),
  };
}

import { fullestArgvs, longFlags, type HelpOfCommand, type RcloneArgv } from './argv.ts';
import { MOUNT_FLAGS } from './mount-options.ts';
import type { RcloneCapabilities } from './rclone.ts';

/** What a binary says about itself, from its help texts. */
export interface HelpTexts {
  /** `rclone help`: the commands of this build. */
  help: string;
  /** `rclone help flags`: the flags that every command takes. */
  flags: string;
  /** `rclone <command> --help`, of those commands that this build has. */
  commands: Partial<Record<HelpOfCommand, string | undefined>>;
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
export function missingFlags(argv: RcloneArgv, texts: HelpTexts): string[] {
  const own = argv[0] === 'bisync' ? (texts.commands.bisync ?? '') : '';
  const known = new Set([...parseFlags(texts.flags), ...parseFlags(own)]);
  return longFlags(argv).filter((flag) => !known.has(flag));
}

/** The mount options of ours that this build's command does not know, by their flags. */
export function missingMountOptions(
  command: 'mount' | 'cmount' | 'nfsmount',
  texts: HelpTexts,
): string[] {
  const known = parseFlags(texts.commands[command] ?? '');
  return MOUNT_FLAGS.filter((flag) => !known.has(flag));
}

/** A command counts only if it is in the build and takes every flag and option that we would give it. */
export function capabilitiesOf(texts: HelpTexts): RcloneCapabilities {
  const commands = parseCommands(texts.help);
  const { bisync, rcd } = fullestArgvs();
  const canMount = (command: 'mount' | 'cmount' | 'nfsmount'): boolean =>
    commands.has(command) && missingMountOptions(command, texts).length === 0;
  return {
    rcd: commands.has('rcd') && missingFlags(rcd, texts).length === 0,
    bisync: commands.has('bisync') && missingFlags(bisync, texts).length === 0,
    mount: canMount('mount') || canMount('cmount'),
    nfsmount: canMount('nfsmount'),
  };
}

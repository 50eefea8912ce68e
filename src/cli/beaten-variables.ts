/** Of oclif's definition of a flag, what is looked at here. */
type FlagDefinitions = Record<
  string,
  { char?: string; env?: string; exclusive?: readonly unknown[] }
>;

/**
 * The definitions without the variables that what was typed goes before: `--all` means all, also where
 * CLOUD_SERVER is set. Two that were typed stay a mistake of the command line. A command without flags
 * has none, whatever the types of oclif say.
 */
export function withoutBeatenVariables<T extends object>(
  flags: T | undefined,
  all: object,
  argv: readonly string[],
): T {
  const known = all as FlagDefinitions;
  const typed = (name: string): boolean =>
    argv.some(
      (word) =>
        word === `--${name}` ||
        word.startsWith(`--${name}=`) ||
        word === `--no-${name}` ||
        word === `-${known[name]?.char ?? '-'}`,
    );
  const excludes = (one: string, other: string): boolean =>
    (known[one]?.exclusive ?? []).some((each) => each === other);
  const names = Object.keys(known);
  return Object.fromEntries(
    Object.entries((flags ?? {}) as FlagDefinitions).map(([name, flag]) => {
      const beaten =
        !typed(name) &&
        names.some((other) => typed(other) && (excludes(name, other) || excludes(other, name)));
      return [name, beaten ? { ...flag, env: undefined } : flag];
    }),
  ) as T;
}

import { runProgram } from './program.ts';
import type { InstallContext } from './step.ts';

const KEYS = [
  'HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment',
  'HKCU\\Environment',
] as const;

/**
 * PATH as a new process would get it, read from the registry after an installation, with the
 * process's own entries in front. A value that cannot be read leaves the others.
 */
export async function currentWindowsPath(context: InstallContext): Promise<string> {
  const { env } = context.host;
  const values: string[] = [env['PATH'] ?? env['Path'] ?? ''];
  for (const key of KEYS) {
    try {
      values.push(parseRegQuery(await runProgram(context, ['reg', 'query', key, '/v', 'Path'])));
    } catch {
      context.signal.throwIfAborted();
    }
  }
  return mergePath(values, env);
}

/** The value in `reg query … /v Path`: `    Path    REG_EXPAND_SZ    %SystemRoot%;C:\bin`. */
export function parseRegQuery(output: string): string {
  return /^\s+Path\s+REG_(?:EXPAND_)?SZ\s+(.*?)\s*$/im.exec(output)?.[1] ?? '';
}

/** Joins PATH values: `%NAME%` expanded whatever its case, each folder once, order kept. */
export function mergePath(values: readonly string[], env: NodeJS.ProcessEnv): string {
  const variables = new Map(
    Object.entries(env).map(([name, value]) => [name.toLowerCase(), value ?? '']),
  );
  const seen = new Set<string>();
  return values
    .flatMap((value) => value.split(';'))
    .map((folder) =>
      folder
        .trim()
        .replace(/%([^%]+)%/g, (whole, name: string) => variables.get(name.toLowerCase()) ?? whole),
    )
    .filter((folder) => {
      const key = folder.toLowerCase().replace(/[\\/]+$/, '');
      if (key === '' || seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .join(';');
}

import { readdirSync, readFileSync } from 'node:fs';
import type { HelpTexts } from '../../src/rclone/capabilities.ts';

const folder = new URL('../fixtures/rclone-help/', import.meta.url);

/** The versions whose help texts are recorded in test/fixtures/rclone-help. */
export const recordedVersions: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => name.replace(/\.txt$/, ''));

export function recordedHelp(version: string): HelpTexts {
  const text = readFileSync(new URL(`${version}.txt`, folder), 'utf8');
  const parts = new Map(
    text
      .split(/^=== /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
  );
  const part = (name: string): string => parts.get(name) ?? '';
  const names = ['bisync', 'mount', 'nfsmount'] as const;
  const commands = names.flatMap((name) => (parts.has(name) ? [[name, part(name)] as const] : []));
  return { help: part('help'), flags: part('flags'), commands: Object.fromEntries(commands) };
}

/** The methods of the remote control that a recorded version has. */
export function recordedMethods(version: string): Set<string> {
  const text = readFileSync(new URL(`${version}.txt`, folder), 'utf8');
  return new Set((text.split(/^=== rc\n/m)[1] ?? '').split('\n').filter(Boolean));
}

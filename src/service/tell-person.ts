import { execa } from 'execa';

/**
 * Shows a person who is signed in that a service waits for them. Where there is no desktop, or none
 * that can do that, `cloud status` is where they see it.
 */
export async function tellPerson(platform: NodeJS.Platform, text: string): Promise<void> {
  const call = notification(platform, text);
  if (call === undefined) return;
  const [program, ...args] = call;
  await execa(program, args, { stdio: 'ignore', reject: false, timeout: 5000 });
}

/** The text is an argument, never part of a script. */
export function notification(
  platform: NodeJS.Platform,
  text: string,
): readonly [string, ...string[]] | undefined {
  if (platform === 'linux') return ['notify-send', '--app-name=cloud', '--', 'cloud', text];
  if (platform !== 'darwin') return undefined;
  const script = [
    'on run argv',
    'display notification (item 1 of argv) with title "cloud"',
    'end run',
  ];
  return ['osascript', ...script.flatMap((line) => ['-e', line]), text];
}

import type { Host } from './host.ts';

/** Whether a browser that a person sees can be opened: not over SSH, and not without a display. */
export function hasBrowser({ env, platform }: Pick<Host, 'env' | 'platform'>): boolean {
  const set = (name: string): boolean => (env[name] ?? '') !== '';
  if (set('SSH_CONNECTION') || set('SSH_TTY') || set('SSH_CLIENT')) return false;
  if (platform === 'darwin' || platform === 'win32') return true;
  return set('DISPLAY') || set('WAYLAND_DISPLAY') || set('WSL_DISTRO_NAME');
}

/** Opens the address; false when that is not possible, which is nothing to stop for. */
export async function openBrowser(address: string): Promise<boolean> {
  const { default: open } = await import('open');
  try {
    const opener = await open(address);
    opener.on('error', () => undefined);
    return true;
  } catch {
    return false;
  }
}

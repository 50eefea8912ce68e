/** A file, or a folder with all that is in it, that a run leaves alone on both sides. */
export interface LeftOut {
  path: string;
  folder: boolean;
  reason: 'unreadable' | 'unsupported-name';
}

export function isLeftOut(path: string, leftOut: readonly LeftOut[]): boolean {
  return leftOut.some((out) => (out.folder ? path.startsWith(`${out.path}/`) : path === out.path));
}

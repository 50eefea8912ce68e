import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileConflict } from './conflict-list.ts';

export interface ConflictDiff {
  path: string;
  copy: string;
  kind: 'text' | 'same' | 'binary' | 'too-large';
  /** A unified diff from the file to its copy; null where there is none. */
  patch: string | null;
  sides: FileConflict['sides'];
}

/** Up to here both are compared line by line. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What the copy has that the file has not, and the other way round. */
export async function diffConflict(root: string, conflict: FileConflict): Promise<ConflictDiff> {
  const { path, copy, sides } = conflict;
  const about = { path, copy, sides };
  if (Math.max(sides.local.size, sides.cloud.size) > MAX_BYTES) {
    return { ...about, kind: 'too-large', patch: null };
  }
  const [before, after] = await Promise.all([
    readUpTo(join(root, path)),
    readUpTo(join(root, copy)),
  ]);
  if (before === undefined || after === undefined) {
    return { ...about, kind: 'too-large', patch: null };
  }
  if (before.equals(after)) return { ...about, kind: 'same', patch: null };
  const [old, fresh] = [textOf(before), textOf(after)];
  if (old === undefined || fresh === undefined) return { ...about, kind: 'binary', patch: null };
  const { createTwoFilesPatch } = await import('diff');
  const names = [label(path, conflict), label(copy, conflict)] as const;
  const patch = createTwoFilesPatch(path, copy, old, fresh, ...names);
  return { ...about, kind: 'text', patch: patch.replace(/^=+\n/, '') };
}

function label(path: string, { sides }: FileConflict): string {
  const side = sides.local.path === path ? 'local' : 'cloud';
  return `${side}, ${sides[side].modifiedAt}`;
}

/** Undefined when it has grown too large by now. */
async function readUpTo(path: string): Promise<Buffer | undefined> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    return size > MAX_BYTES ? undefined : await file.readFile();
  } finally {
    await file.close();
  }
}

/** Undefined for what is no UTF-8 text. */
function textOf(content: Buffer): string | undefined {
  if (content.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}

import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { redact } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  readonly path: string;
  write(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
}

const ROTATE_AT = 5 * 1024 * 1024;
const KEPT = 3;

/**
 * JSON lines in a file of mode 0600, redacted, rotated at 5 MiB with three older files kept.
 * A log that cannot be written never fails the command.
 */
export function openLog(path: string): Log {
  return {
    path,
    write: (level, message, fields = {}) => {
      const entry = { time: new Date().toISOString(), level, pid: process.pid, message, ...fields };
      appendRotating(path, redact(JSON.stringify(entry)));
    },
  };
}

/** Adds a line to a private file that is rotated at 5 MiB. Where it cannot be written it is lost. */
export function appendRotating(path: string, line: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    rotate(path);
    appendFileSync(path, `${line}\n`, { mode: 0o600 });
  } catch {
    // Nowhere to write it, and the command has better things to say.
  }
}

/** The files of `appendRotating`, oldest first; some may not be there. */
export function rotatedFiles(path: string): string[] {
  const older = Array.from({ length: KEPT }, (_, index) => `${path}.${KEPT - index}`);
  return [...older, path];
}

function rotate(path: string): void {
  let size: number;
  try {
    size = statSync(path).size;
  } catch {
    return;
  }
  if (size < ROTATE_AT) return;
  for (let index = KEPT; index > 0; index -= 1) {
    const from = index === 1 ? path : `${path}.${index - 1}`;
    try {
      renameSync(from, `${path}.${index}`);
    } catch {
      // Not that many older files yet.
    }
  }
}

import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { openPromise, type Entry } from 'yauzl';
import { AbortError } from '../../output/errors.ts';
import { ExitCode } from '../../output/exit-codes.ts';

/** A binary is about 80 MB; more is a bomb. */
const MAX_BYTES = 512 * 1024 * 1024;
/** Type bits of a Unix mode, which zip keeps in the upper half of the external attributes. */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/**
 * Takes one file out of a zip. An archive with an absolute name, a `..` or a backslash anywhere in
 * it is refused whole, also if that entry is not the one that is wanted.
 *
 * @throws AbortError `archive-bad` (exit code 12)
 */
export async function extractOne(archive: string, name: string, target: string): Promise<void> {
  try {
    const zip = await openPromise(archive, { strictFileNames: true, autoClose: false });
    let wanted: Entry | undefined;
    try {
      for await (const entry of zip.eachEntry()) if (entry.fileName === name) wanted = entry;
      if (wanted === undefined) throw new Error(`there is no ${name} in it`);
      checkEntry(wanted);
      const file = createWriteStream(target, { flags: 'wx', mode: 0o755, flush: true });
      await pipeline(await zip.openReadStreamPromise(wanted), file);
    } finally {
      zip.close();
    }
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AbortError('archive-bad', `The zip file cannot be used: ${reason}.`, {
      exitCode: ExitCode.rclone,
      cause: error,
    });
  }
}

function checkEntry(entry: Entry): void {
  const type = (entry.externalFileAttributes >>> 16) & S_IFMT;
  if (type !== 0 && type !== S_IFREG) throw new Error(`${entry.fileName} is not a plain file`);
  if (entry.uncompressedSize > MAX_BYTES) throw new Error(`${entry.fileName} is far too large`);
}

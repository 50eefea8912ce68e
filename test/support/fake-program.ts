import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** An executable shell script in `folder`, standing in for a program that cannot run here. */
export async function fakeProgram(folder: string, name: string, body: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o755);
  return path;
}

import { fileURLToPath } from 'node:url';
import { execFileSync } from 'node:child_process';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** End-to-end tests run the built binary, so it is built from what is tested. */
export default function setup(): void {
  execFileSync(process.execPath, [`${root}scripts/build.ts`], { stdio: 'inherit' });
}

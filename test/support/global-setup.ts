import { execFileSync } from 'node:child_process';

const root = new URL('../..', import.meta.url).pathname;

/** End-to-end tests run the built binary, so build it once; `npm test` has done so already. */
export default function setup(): void {
  if (process.env['CLOUD_TEST_BUILT'] === '1') return;
  execFileSync(process.execPath, [`${root}scripts/build.ts`], { stdio: 'inherit' });
}

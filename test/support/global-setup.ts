import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { lendPostgres } from './lent-postgres.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** End-to-end tests run the built binary, so it is built from what is tested. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync(process.execPath, [`${root}scripts/build.ts`], { stdio: 'inherit' });
  return lendPostgres(project);
}

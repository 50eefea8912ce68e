/** Fails on exports that nothing imports; what oclif, vitest or a shell loads is an entry. */
import { fileURLToPath } from 'node:url';
import { analyzeTsConfig } from 'ts-unused-exports';

const root = fileURLToPath(new URL('..', import.meta.url));
const entries = [
  /^src\/commands\//,
  /^src\/cli\/main\.ts$/,
  /^src\/output\/help\.ts$/,
  /^vitest\.config\.ts$/,
  /^test\/support\/(global-setup|plain-summary)\.ts$/,
];
const unused = Object.entries(analyzeTsConfig(`${root}tsconfig.json`))
  .map(([file, exports]) => [file.replace(root, ''), exports] as const)
  .filter(
    ([file, exports]) => Array.isArray(exports) && !entries.some((entry) => entry.test(file)),
  );
for (const [file, exports] of unused) {
  const names = (exports as { exportName: string; location?: { line: number } }[]).map(
    ({ exportName, location }) => `${exportName} (line ${location?.line ?? '?'})`,
  );
  process.stderr.write(`unused exports in ${file}: ${names.join(', ')}\n`);
}
process.exitCode = unused.length === 0 ? 0 : 1;

/** What an installation costs: bytes and packages. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPacked, measure, pack } from '../support/packed.ts';

const folder = await mkdtemp(join(tmpdir(), 'cloud-size-'));
try {
  const prefix = join(folder, 'prefix');
  await mkdir(prefix);
  const { path, size, unpackedSize, files } = await pack(folder);
  await installPacked(path, prefix);
  const { bytes, packages } = await measure(prefix);
  const kilo = (number: number): string =>
    `${Math.round(number / 1000).toLocaleString('en-US')} kB`;
  const rows: [string, string][] = [
    ['tarball', kilo(size)],
    ['unpacked', `${kilo(unpackedSize)} in ${files.length} files`],
    ['installed', `${kilo(bytes)} in ${packages} packages`],
  ];
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(10)} ${value}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

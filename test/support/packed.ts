import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';

const root = resolve(import.meta.dirname, '../..');

/** What `npm publish` would send. */
export interface Packed {
  /** The tarball. */
  path: string;
  /** Of the tarball, and of what is in it; bytes. */
  size: number;
  unpackedSize: number;
  /** Paths inside. */
  files: string[];
}

/** Packs the built package into `folder`. */
export async function pack(folder: string): Promise<Packed> {
  const { stdout } = await execa(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', folder],
    { cwd: root },
  );
  const [found] = JSON.parse(stdout) as {
    filename: string;
    size: number;
    unpackedSize: number;
    files: { path: string }[];
  }[];
  const { filename, size, unpackedSize, files } = found!;
  return { path: join(folder, filename), size, unpackedSize, files: files.map(({ path }) => path) };
}

/** Installs a tarball as `npm install --global` does, into an empty prefix. @returns its `cloud` */
export async function installPacked(tarball: string, prefix: string): Promise<string> {
  const where = ['--global', '--prefix', prefix];
  await execa('npm', ['install', ...where, '--prefer-offline', '--no-audit', '--no-fund', tarball]);
  return join(prefix, 'bin', 'cloud');
}

/** What lies below a folder: bytes of the files, and how many packages. */
export async function measure(folder: string): Promise<{ bytes: number; packages: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  );
  const isPackage = /node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+$/;
  return {
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    packages: files.filter(
      ({ parentPath, name }) => name === 'package.json' && isPackage.test(parentPath),
    ).length,
  };
}

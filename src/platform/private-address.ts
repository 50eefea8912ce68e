import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { here, type Platform } from './platform.ts';

/** Where a process of ours listens for others of the same user. */
export interface PrivateAddress {
  /** For `listen` and `connect`: the path of a socket, or the name of a pipe. */
  address: string;
  /** Takes away what was made for it, and the socket. */
  remove: () => Promise<void>;
}

/** sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included. */
const SOCKET_PATH_BYTES = 103;

/**
 * `<name>.sock` in `folder`, which nobody else may enter; in a private temporary folder where that
 * path is too long for a socket. On Windows a pipe, whose name everybody can list: it is made from
 * `secret` but does not tell it.
 */
export async function privateAddress(
  folder: string,
  { name, secret }: { name: string; secret: string },
  platform: Pick<Platform, 'unix'> = here,
): Promise<PrivateAddress> {
  if (!platform.unix) return { address: pipeName(name, secret), remove: () => Promise.resolve() };
  const near = join(folder, `${name}.sock`);
  if (Buffer.byteLength(near) <= SOCKET_PATH_BYTES) {
    return { address: near, remove: () => rm(near, { force: true }) };
  }
  const temporary = await mkdtemp(join(tmpdir(), 'cloud-'));
  return {
    address: join(temporary, `${name}.sock`),
    remove: () => rm(temporary, { recursive: true, force: true }),
  };
}

/** https://learn.microsoft.com/windows/win32/ipc/pipe-names: 256 characters, no backslash among them. */
function pipeName(name: string, secret: string): string {
  const digest = createHash('sha256').update(secret).digest('hex').slice(0, 32);
  return `\\\\.\\pipe\\cloud-${name}-${digest}`;
}

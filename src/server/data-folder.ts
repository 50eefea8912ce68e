import { join } from 'node:path';
import { ensurePrivateFolder, isErrno } from '../platform/atomic-file.ts';
import { ServerStartError } from './errors.ts';

/** Creates the data folder with mode 0700. @throws ServerStartError `folder-not-writable` */
export async function useDataFolder(folder: string): Promise<void> {
  try {
    await ensurePrivateFolder(folder);
  } catch (cause) {
    if (!isErrno(cause, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST')) throw cause;
    throw new ServerStartError(
      'folder-not-writable',
      `The data folder ${folder} cannot be used (${cause.code ?? 'unknown'}).`,
      { suggestions: ['Choose another one with --data.'], cause },
    );
  }
}

/** The files of a server's folder. */
export function filesIn(folder: string): {
  database: string;
  lock: string;
  masterKey: string;
  storagePort: string;
  storage: string;
  deliveryMark: string;
} {
  return {
    database: join(folder, 'server.sqlite'),
    lock: join(folder, 'server.lock'),
    masterKey: join(folder, 'server.key'),
    storagePort: join(folder, 'storage-port'),
    storage: join(folder, 'storage'),
    deliveryMark: join(folder, 'delivering'),
  };
}

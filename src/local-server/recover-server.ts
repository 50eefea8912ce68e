import type { Host } from '../platform/host.ts';
import type { ReplacedToken } from '../server/domain/lost-token.ts';
import { recoverFolder } from '../server/recover-folder.ts';
import { readSettings, type SettingOverrides } from '../server/settings.ts';
import { asAbortError } from './start-error.ts';

/** @throws AbortError when the folder or the database cannot be used */
export async function recoverServer(
  host: Host,
  overrides: SettingOverrides,
): Promise<ReplacedToken> {
  try {
    return await recoverFolder(await readSettings(host, overrides), host.clock);
  } catch (error) {
    throw asAbortError(error);
  }
}

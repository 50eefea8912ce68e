import { hkdfSync } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import { acquireLock } from '../platform/lock.ts';
import { filesIn, useDataFolder } from './data-folder.ts';
import { migrate } from './db/migrate.ts';
import { openDatabase, type OpenDatabase } from './db/open-database.ts';
import type { Database } from './db/sqlite.ts';
import { AuditTrail } from './domain/audit-trail.ts';
import { loadMasterKey } from './domain/master-key.ts';
import { loadSigningKeys, type SigningKeys } from './domain/signing-keys.ts';
import { Floods } from './identity/floods.ts';
import { Passwords } from './identity/passwords.ts';
import { RateLimits } from './identity/rate-limits.ts';
import type { ServerSettings } from './settings.ts';

interface State extends Pick<OpenDatabase, 'db' | 'postgres'> {
  masterKey: Buffer;
  keys: SigningKeys;
}

/** Folder, lock, database and keys; `opened` closes them. @throws ServerStartError; LockHeldError */
export async function openState(
  settings: ServerSettings,
  clock: Clock,
  opened: AsyncDisposableStack,
): Promise<State> {
  const files = filesIn(settings.dataFolder);
  await useDataFolder(settings.dataFolder);
  const lock = await acquireLock(files.lock, { command: 'cloud server start', clock });
  opened.defer(() => lock.release());
  const { db, postgres } = await openDatabase(settings);
  opened.defer(() => db.destroy());
  await migrate(db, clock);
  const masterKey = await loadMasterKey(db, files.masterKey, settings.masterKey);
  return { db, postgres, masterKey, keys: await loadSigningKeys(db, clock, masterKey) };
}

/** What the identity of people needs beside the tables; the keys come from the one of the server. */
export function openIdentity(db: Database, clock: Clock, masterKey: Buffer) {
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync('sha256', masterKey, '', purpose, 32));
  return {
    passwords: new Passwords(),
    limits: new RateLimits(db, clock),
    floods: new Floods(db, clock),
    trail: new AuditTrail(db, derive('cloud audit seal')),
    userCodeKey: derive('cloud user codes'),
    pageKey: derive('cloud device page'),
  };
}

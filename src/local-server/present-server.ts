import { DEFAULT_SERVER } from '../session/settings.ts';
import { shortTime } from '../output/format.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import type { BackupResult } from '../server/db/backup.ts';
import type { MigrationResult } from '../server/db/migrate-folder.ts';
import type { ReplacedToken } from '../server/domain/lost-token.ts';
import type { Listening } from './run-server.ts';

export function presentListening(listening: Listening, out: Output): string {
  const fields = formatFields([
    ['Server', listening.url],
    ['Storage', listening.storage_url],
    ['Data', listening.data_folder],
    ['Admin token', listening.admin_token_file ?? 'the one you chose'],
  ]);
  const add = `${findIt(listening)}cloud admin tenant add --slug acme --name Acme --print-token`;
  return [fields, '', `Add a tenant:  ${out.style('bold', add)}`, 'Stop it with Ctrl-C.'].join(
    '\n',
  );
}

/** On one machine client and server find each other, as long as nothing was moved. */
function findIt({ url, admin_token_file: tokenFile }: Listening): string {
  if (url === DEFAULT_SERVER) return '';
  const token = tokenFile === null ? '' : `CLOUD_ADMIN_TOKEN_FILE='${tokenFile}' `;
  return `CLOUD_SERVER=${url} ${token}`;
}

export function presentMigration({ database, applied }: MigrationResult): string {
  return applied.length === 0
    ? `${database} is up to date.`
    : [`Migrated ${database}:`, ...applied.map((name) => `  ${name}`)].join('\n');
}

export function presentBackup({ folder, files, objectsLeftOut }: BackupResult): string {
  const left = objectsLeftOut ? ['Objects of the embedded storage are not in it.'] : [];
  return [`${folder} holds ${files.join(', ')}.`, ...left].join('\n');
}

export function presentRecovered({ token_file, made, expires_at }: ReplacedToken): string {
  const until = `${shortTime(expires_at)} UTC`;
  return made
    ? `A new admin token lies in ${token_file}. It is in force now, and until ${until}.`
    : `The admin token in ${token_file} is in force until ${until}; no other one was made.`;
}

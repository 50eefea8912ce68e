import { DEFAULT_SERVER } from '../session/settings.ts';
import type { Output } from '../output/output.ts';
import { formatFields } from '../output/table.ts';
import type { MigrationResult } from '../server/db/migrate-folder.ts';
import type { Listening } from './run-server.ts';

export function presentListening(listening: Listening, out: Output): string {
  const fields = formatFields([
    ['Server', listening.url],
    ['Storage', listening.storage_url],
    ['Data', listening.data_folder],
    ['Admin token', listening.admin_token_file ?? 'the one you chose'],
  ]);
  // Client and server of one machine find each other as long as nothing was moved.
  const where = listening.url === DEFAULT_SERVER ? '' : ` --server ${listening.url}`;
  const add = `cloud admin tenant add --slug acme --name Acme --print-token${where}`;
  return [fields, '', `Add a tenant:  ${out.style('bold', add)}`, 'Stop it with Ctrl-C.'].join(
    '\n',
  );
}

export function presentMigration({ database, applied }: MigrationResult): string {
  return applied.length === 0
    ? `${database} is up to date.`
    : [`Migrated ${database}:`, ...applied.map((name) => `  ${name}`)].join('\n');
}

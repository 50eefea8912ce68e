import type { Kysely, Selectable } from 'kysely';
import { AuditEvent, type AuditEventList, type AuditQuery } from '../../api/contract/audit.ts';
import { DEFAULT_PAGE } from '../../api/contract/page.ts';
import type { Schema } from '../db/schema.ts';
import { ownSubjects } from '../identity/principal.ts';
import { normalizeUsername } from '../identity/usernames.ts';

type Row = Selectable<Schema['audit_events']>;

/** One page of the trail; the names in it are looked up for the whole page at once. */
export async function listAuditEvents(
  db: Kysely<Schema>,
  query: AuditQuery,
): Promise<AuditEventList> {
  const { limit = DEFAULT_PAGE, after, order = 'asc' } = query;
  const filtered = await filter(db, query);
  const rows = await filtered
    .$if(after !== undefined, (events) =>
      events.where('seq', order === 'asc' ? '>' : '<', after ?? 0),
    )
    .orderBy('seq', order)
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const names = await namesIn(db, page);
  return {
    events: page.map((row) => toEvent(row, names)),
    next: rows.length > limit ? String(page.at(-1)?.seq ?? 0) : null,
  };
}

async function filter(db: Kysely<Schema>, { since, until, tenant, actor, type }: AuditQuery) {
  const actors = actor === undefined ? [] : await actorsNamed(db, actor);
  return db
    .selectFrom('audit_events')
    .selectAll()
    .$if(since !== undefined, (events) => events.where('time', '>=', utc(since)))
    .$if(until !== undefined, (events) => events.where('time', '<', utc(until)))
    .$if(type !== undefined, (events) => events.where('type', '=', type ?? ''))
    .$if(actor !== undefined, (events) => events.where('actor', 'in', actors))
    .$if(tenant !== undefined, (events) =>
      events.where((either) =>
        either.or([
          either('tenant_id', '=', tenant ?? ''),
          either('tenant_id', 'in', (tenants) =>
            tenants
              .selectFrom('tenants')
              .select('id')
              .where('slug', '=', tenant ?? ''),
          ),
        ]),
      ),
    );
}

/** As the times of the trail are written, so that they compare as text. */
function utc(time = ''): string {
  return new Date(time).toISOString();
}

/** What was typed itself, or for a user name the user and all of its keys. */
async function actorsNamed(db: Kysely<Schema>, typed: string): Promise<string[]> {
  const name = normalizeUsername(typed);
  if (typed.includes(':') || name === undefined) return [typed];
  const user = await db
    .selectFrom('users')
    .select('id')
    .where('username', '=', name)
    .executeTakeFirst();
  if (user === undefined) return [typed];
  return [...(await ownSubjects(db, { userId: user.id }))];
}

interface Names {
  actors: ReadonlyMap<string, string>;
  tenants: ReadonlyMap<string, string>;
}

async function namesIn(db: Kysely<Schema>, rows: readonly Row[]): Promise<Names> {
  const ids = (kind: string): string[] => [
    ...new Set(
      rows.flatMap(({ actor }) => (actor.startsWith(kind) ? [actor.slice(kind.length)] : [])),
    ),
  ];
  const tenantIds = [...new Set(rows.flatMap(({ tenant_id: id }) => (id === null ? [] : [id])))];
  const users = await named(ids('user:'), (wanted) =>
    db.selectFrom('users').select(['id', 'username as name']).where('id', 'in', wanted).execute(),
  );
  const keys = await named(ids('credential:'), (wanted) =>
    db
      .selectFrom('credentials')
      .select(['id', 'label as name'])
      .where('id', 'in', wanted)
      .execute(),
  );
  const tenants = await named(tenantIds, (wanted) =>
    db.selectFrom('tenants').select(['id', 'slug as name']).where('id', 'in', wanted).execute(),
  );
  const actors = [
    ...users.map(({ id, name }) => [`user:${id}`, name] as const),
    ...keys.map(({ id, name }) => [`credential:${id}`, name] as const),
  ];
  return {
    actors: new Map(actors),
    tenants: new Map(tenants.map(({ id, name }) => [id, name])),
  };
}

async function named(
  ids: readonly string[],
  look: (ids: readonly string[]) => Promise<{ id: string; name: string }[]>,
): Promise<{ id: string; name: string }[]> {
  return ids.length === 0 ? [] : look(ids);
}

function toEvent(row: Row, { actors, tenants }: Names): AuditEvent {
  return {
    ...row,
    actor_name: actors.get(row.actor) ?? null,
    tenant: row.tenant_id === null ? null : (tenants.get(row.tenant_id) ?? null),
    data: dataOf(row.data),
  };
}

/** Text that somebody has changed by hand must not keep the rest from being read. */
function dataOf(text: string): AuditEvent['data'] {
  try {
    return AuditEvent.shape.data.parse(JSON.parse(text));
  } catch {
    return { unreadable: true };
  }
}

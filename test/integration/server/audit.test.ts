import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditCheck, AuditEventList } from '../../../src/api/contract/audit.ts';
import { chainHash, type ChainLink } from '../../../src/api/contract/audit-chain.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { isPostgres } from '../../../src/server/db/dialect.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { recordAudit } from '../../../src/server/domain/audit.ts';
import { AuditTrail } from '../../../src/server/domain/audit-trail.ts';
import { identityClient, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

const EVENTS = '/api/v1/admin/audit-events';
let server: TestServer;
let db: Database;
let client: IdentityClient;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'] });
  db = await openDatabaseOf(server);
  client = identityClient(server);
  await client.addUser('ada', 'member', { acme: 'editor' });
});
afterAll(async () => {
  await db.destroy();
  await server.close();
});

const list = async (query = ''): Promise<AuditEventList> =>
  AuditEventList.parse((await client.call('GET', EVENTS + query, server.adminToken)).body);

describe('the trail', () => {
  it('is read in pages, with the names of who and where', async () => {
    const { events: all } = await list('?limit=500');
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, index) => index + 1));
    const first = await list('?limit=2');
    expect(first.events).toEqual(all.slice(0, 2));
    expect((await list(`?limit=2&after=${first.next}`)).events).toEqual(all.slice(2, 4));
    const [newest] = (await list('?limit=1&order=desc')).events;
    expect(newest).toEqual(all.at(-1));
    expect(newest).toMatchObject({
      type: 'MembershipAddedEvent',
      actor_name: 'first owner token',
      tenant: 'acme',
      data: { username: 'ada', role: 'editor' },
    });
  });

  it.each<[string, (type: string) => boolean]>([
    ['?type=TenantCreatedEvent', (type) => type === 'TenantCreatedEvent'],
    ['?tenant=other', (type) => type !== 'UserCreatedEvent'],
    ['?until=2020-01-01T00:00:00Z', () => false],
    ['?since=2020-01-01T00:00:00%2B02:00', () => true],
    ['?actor=server', (type) => /^(?:Bootstrap|SigningKey)/.test(type)],
  ])('is filtered by %s', async (query, fits) => {
    const { events: all } = await list('?limit=500');
    const { events } = await list(`${query}&limit=500`);
    expect(events.every(({ type }) => fits(type))).toBe(true);
    const left = all.filter(({ seq }) => events.every((event) => event.seq !== seq));
    expect(events.length + left.length).toBe(all.length);
    if (query.includes('type')) expect(events).toHaveLength(2);
    if (query.includes('since')) expect(left).toEqual([]);
  });

  it('finds a user by name, with what its keys did', async () => {
    const { access_token: token } = await client.login('ada');
    const made = await client.call('POST', '/api/v1/api-keys', token, { label: 'ci' });
    const key = String(made.body['api_key']);
    await client.call('POST', '/tenant/mount/credentials', key);
    const { events } = await list('?actor=Ada');
    const names = events.map(({ type, actor_name: name }) => `${type} ${name}`);
    expect(names).toContain('TokenCreatedEvent ada');
    expect(names).toContain('MountCredentialCreatedEvent ci');
    expect(JSON.stringify(await list('?limit=500'))).not.toContain(key);
  });

  it('is for those with audit:read', async () => {
    for (const path of [EVENTS, `${EVENTS}/verify`]) {
      expect((await client.call('GET', path, server.apiKeyOf('acme'))).status).toBe(403);
      expect((await client.call('GET', path)).status).toBe(401);
    }
  });

  it('cannot be changed or shortened through the database', async () => {
    for (const change of [
      db.updateTable('audit_events').set({ actor: 'nobody' }),
      db.deleteFrom('audit_events').where('seq', '=', 1),
    ]) {
      await expect(change.execute()).rejects.toThrow(/never changed/);
    }
    if (isPostgres(db)) {
      await expect(sql`truncate audit_events`.execute(db)).rejects.toThrow(/never changed/);
    }
  });

  it('takes only the fields that are allowed', async () => {
    const data = { label: 'x', secret: 'not for the trail' };
    await db
      .transaction()
      .execute((transaction) =>
        recordAudit(transaction, systemClock, { type: 'UserChangedEvent', actor: 'server', data }),
      );
    expect((await list('?limit=1&order=desc')).events[0]?.data).toEqual({ label: 'x' });
  });

  it('goes away with the transaction that it is of', async () => {
    const before = (await list('?limit=1&order=desc')).events;
    const failing = db.transaction().execute(async (transaction) => {
      await recordAudit(transaction, systemClock, { type: 'UserChangedEvent', actor: 'server' });
      throw new Error('not after all');
    });
    await expect(failing).rejects.toThrow('not after all');
    expect((await list('?limit=1&order=desc')).events).toEqual(before);
    expect((await verify()).intact).toBe(true);
  });
});

const verify = async (): Promise<AuditCheck> =>
  AuditCheck.parse((await client.call('GET', `${EVENTS}/verify`, server.adminToken)).body);

it('is verified and sealed while many write', async () => {
  const [check] = await Promise.all([
    verify(),
    ...Array.from({ length: 10 }, (_, index) => client.addUser(`many-${index}`)),
    server.server.upkeep(),
  ]);
  expect(check).toMatchObject({ intact: true, faults: [] });
  await server.server.upkeep();
  const after = await verify();
  expect(after).toMatchObject({ intact: true, sealed_seq: after.head?.seq });
});

/** What somebody who can write to the database may do, past the triggers. */
type Tamper =
  | { kind: 'alter'; at: number; column: 'actor' | 'data' | 'time' | 'type'; rehash: boolean }
  | { kind: 'remove'; at: number; count: number }
  | { kind: 'swap'; at: number; by: number }
  | { kind: 'insert' }
  /** Changes one, and writes all that follows and the end anew. */
  | { kind: 'rewrite'; at: number; unsealed: boolean };

const tampers: fc.Arbitrary<Tamper> = fc.oneof(
  fc.record({
    kind: fc.constant('alter' as const),
    at: fc.nat(),
    column: fc.constantFrom('actor', 'data', 'time', 'type'),
    rehash: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('remove' as const),
    at: fc.nat(),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    kind: fc.constant('swap' as const),
    at: fc.nat(),
    by: fc.integer({ min: 1, max: 5 }),
  }),
  fc.record({ kind: fc.constant('insert' as const) }),
  fc.record({ kind: fc.constant('rewrite' as const), at: fc.nat(), unsealed: fc.boolean() }),
);

function tampered(rows: readonly ChainLink[], tamper: Tamper): ChainLink[] {
  const copy = rows.map((row) => ({ ...row }));
  const at = 'at' in tamper ? tamper.at % copy.length : 0;
  switch (tamper.kind) {
    case 'alter': {
      const row = copy[at]!;
      row[tamper.column] = tamper.column === 'data' ? '{"label":"other"}' : 'other';
      if (tamper.rehash) row.hash = chainHash(row);
      return copy;
    }
    case 'remove':
      copy.splice(at, tamper.count);
      return copy;
    case 'swap': {
      const other = (at + tamper.by) % copy.length;
      const [one, two] = [copy[at]!, copy[other]!];
      copy[at] = { ...two, seq: one.seq };
      copy[other] = { ...one, seq: two.seq };
      return copy;
    }
    case 'insert': {
      const last = copy.at(-1)!;
      const row = { ...last, seq: last.seq + 1, id: randomUUID(), previous_hash: last.hash };
      return [...copy, { ...row, hash: chainHash(row) }];
    }
    case 'rewrite':
      copy[at]!.actor = 'other';
      for (let index = at; index < copy.length; index += 1) {
        const row = copy[index]!;
        row.previous_hash = copy[index - 1]?.hash ?? '';
        row.hash = chainHash(row);
      }
      return copy;
  }
}

describe('somebody who can write to the database', () => {
  /** Of its own, without triggers: its rows are put back after each try. */
  let own: TestServer;
  let past: Database;
  let trail: AuditTrail;

  beforeAll(async () => {
    own = await startTestServer();
    past = await openDatabaseOf(own);
    for (const name of isPostgres(past)
      ? ['audit_events_no_change', 'audit_events_no_truncate']
      : ['audit_events_no_update', 'audit_events_no_delete']) {
      const on = isPostgres(past) ? sql` on audit_events` : sql``;
      await sql`drop trigger ${sql.ref(name)}${on}`.execute(past);
    }
    trail = new AuditTrail(past, randomBytes(32));
    await past
      .updateTable('audit_head')
      .set({ sealed_seq: null, sealed_hash: null, seal: null })
      .execute();
  });
  afterAll(async () => {
    await past.destroy();
    await own.close();
  });

  const put = async (rows: readonly ChainLink[]): Promise<void> => {
    await past.transaction().execute(async (transaction) => {
      await transaction.deleteFrom('audit_events').execute();
      if (rows.length > 0) await transaction.insertInto('audit_events').values(rows).execute();
    });
  };

  it('is found, whatever it is that was done', async () => {
    const history = fc.array(
      fc.record({
        type: fc.constantFrom('TokenCreatedEvent' as const, 'LoginFailedEvent' as const),
        actor: fc.string(),
        data: fc.record({ label: fc.string(), attempts: fc.nat() }),
      }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(history, fc.boolean(), tampers, async (events, seals, tamper) => {
        for (const event of events) {
          await past
            .transaction()
            .execute((transaction) => recordAudit(transaction, systemClock, event));
        }
        // What is written anew from its first event on is only known by its seal.
        if (seals || tamper.kind === 'rewrite') expect(await trail.seal()).toBe(true);
        expect(await trail.verify()).toMatchObject({ intact: true, faults: [] });
        const rows: ChainLink[] = await past
          .selectFrom('audit_events')
          .selectAll()
          .orderBy('seq')
          .execute();
        const head = await past.selectFrom('audit_head').selectAll().executeTakeFirstOrThrow();
        const changed = tampered(rows, tamper);
        if (JSON.stringify(changed) === JSON.stringify(rows)) return;
        await put(changed);
        if (tamper.kind === 'rewrite') {
          const { seq, hash } = changed.at(-1)!;
          const unsealed = { sealed_seq: null, sealed_hash: null, seal: null };
          await past
            .updateTable('audit_head')
            .set({ seq, hash, ...(tamper.unsealed ? unsealed : {}) })
            .execute();
        }
        const check = await trail.verify();
        expect(check.intact).toBe(false);
        const named = check.faults.map(({ seq, until }) => [seq, until] as const);
        const wrong = rows.findIndex(
          (row, index) => JSON.stringify(row) !== JSON.stringify(changed[index] ?? null),
        );
        // The first event that is not as it was is named, or the one behind it; of a trail that was
        // written anew only that it was, since its seal tells no more.
        if (tamper.kind !== 'rewrite' && wrong >= 0) {
          const seq = rows[wrong]!.seq;
          expect(named.some(([from, until]) => from <= seq + 1 && until >= seq)).toBe(true);
        }
        if (tamper.kind === 'rewrite') expect(await trail.seal()).toBe(false);
        await put(rows);
        await past
          .updateTable('audit_head')
          .set({ ...head, id: 1 })
          .execute();
        expect(await trail.verify()).toMatchObject({ intact: true });
      }),
      // Each run reads the whole trail four times, and the other database is not in this process.
      { numRuns: isPostgres(past) ? 15 : 60 },
    );
  });
});

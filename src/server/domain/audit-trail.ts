import { takeTurns } from './turns.ts';
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { AuditCheck } from '../../api/contract/audit.ts';
import { ChainCheck, type ChainLink, type ChainPoint } from '../../api/contract/audit-chain.ts';
import { lockInTransaction } from '../db/dialect.ts';
import type { Schema } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';

/** Rows read at once; between two batches others get their turn. */
const BATCH = 500;

export class AuditTrail {
  readonly #db: Database;
  readonly #key: Buffer;
  /** What this process has sealed: to take the seal away from the database does not help. */
  #known: ChainPoint | undefined;

  /** @param key 32 bytes */
  constructor(db: Database, key: Buffer) {
    this.#db = db;
    this.#key = key;
  }

  /** Reads the whole trail and compares it with itself, with where it should end, and with its seal. */
  async verify(): Promise<AuditCheck> {
    const sealed = this.#sealedPoint(await headOf(this.#db));
    const check = new ChainCheck(sealed === 'forged' ? this.#known : sealed);
    await feed(this.#db, check);
    const head = await this.#db.transaction().execute(async (transaction) => {
      // What has come meanwhile, and then the end: nothing is added while we look.
      await lockInTransaction(transaction, 'audit');
      await feed(transaction, check);
      return headOf(transaction);
    });
    check.end(head);
    if (sealed === 'forged') check.note('rewritten', head.sealed_seq ?? head.seq);
    return {
      intact: check.faults.length === 0,
      events: check.events,
      head: check.events === 0 ? null : check.last,
      sealed_seq: head.sealed_seq,
      faults: check.faults,
    };
  }

  /**
   * Seals the trail up to its end: whoever can only write to the database can from then on not write
   * the trail anew. Only what follows unbroken on the last seal is sealed.
   *
   * @returns false when it does not: somebody has changed the trail
   */
  async seal(): Promise<boolean> {
    const head = await headOf(this.#db);
    const sealed = this.#sealedPoint(head);
    if (sealed === 'forged') return false;
    if (sealed !== undefined && !(await isAt(this.#db, sealed))) return false;
    const check = new ChainCheck(undefined, sealed);
    await feed(this.#db, check, head.seq);
    check.end(head);
    if (check.faults.length > 0) return false;
    this.#known = { seq: head.seq, hash: head.hash };
    if (sealed?.seq === head.seq) return true;
    await this.#db
      .updateTable('audit_head')
      .set({ sealed_seq: head.seq, sealed_hash: head.hash, seal: sealOf(head, this.#key) })
      // Of two servers the later one has more to seal.
      .where((where) =>
        where.or([where('sealed_seq', 'is', null), where('sealed_seq', '<', head.seq)]),
      )
      .execute();
    return true;
  }

  #sealedPoint({ sealed_seq, sealed_hash, seal }: Head): ChainPoint | 'forged' | undefined {
    if (sealed_seq === null || sealed_hash === null || seal === null) return this.#known;
    const point = { seq: sealed_seq, hash: sealed_hash };
    const expected = Buffer.from(sealOf(point, this.#key));
    const given = Buffer.from(seal);
    const same = given.length === expected.length && timingSafeEqual(given, expected);
    return same ? point : 'forged';
  }
}

type Head = ChainPoint & {
  sealed_seq: number | null;
  sealed_hash: string | null;
  seal: string | null;
};

async function headOf(db: Kysely<Schema>): Promise<Head> {
  const row = await db
    .selectFrom('audit_head')
    .select(['seq', 'hash', 'sealed_seq', 'sealed_hash', 'seal'])
    .executeTakeFirst();
  return row ?? { seq: 0, hash: '', sealed_seq: null, sealed_hash: null, seal: null };
}

function sealOf({ seq, hash }: ChainPoint, key: Buffer): string {
  return createHmac('sha256', key).update(`${seq}:${hash}`).digest('hex');
}

async function isAt(db: Kysely<Schema>, { seq, hash }: ChainPoint): Promise<boolean> {
  const row = await db
    .selectFrom('audit_events')
    .select('hash')
    .where('seq', '=', seq)
    .executeTakeFirst();
  return row?.hash === hash;
}

/** Everything behind the last one that was taken, up to `until`. */
async function feed(db: Kysely<Schema>, check: ChainCheck, until?: number): Promise<void> {
  const turn = takeTurns();
  for (;;) {
    const rows: ChainLink[] = await db
      .selectFrom('audit_events')
      .selectAll()
      .where('seq', '>', check.last.seq)
      .$if(until !== undefined, (query) => query.where('seq', '<=', until ?? 0))
      .orderBy('seq')
      .limit(BATCH)
      .execute();
    for (const row of rows) check.take(row);
    if (rows.length < BATCH) return;
    await turn();
  }
}

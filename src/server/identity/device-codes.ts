import { createHmac, randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { DeviceAuthorizationRequest } from '../../api/contract/auth.ts';
import type { Clock } from '../../platform/clock.ts';
import type { DeviceCodesTable } from '../db/schema.ts';
import type { Database } from '../db/sqlite.ts';
import { recordAudit, type Actor } from '../domain/audit.ts';
import { hashToken } from '../domain/tokens.ts';
import { HttpProblem } from '../errors.ts';

export type DeviceCode = Selectable<DeviceCodesTable>;

export interface DeviceCodeDeps {
  db: Database;
  clock: Clock;
  /** 32 bytes; user codes are hashed under it. */
  userCodeKey: Buffer;
}

/** Seconds. RFC 8628 §6.1 and §5.1: long enough for a person, short for guessing. */
export const DEVICE_CODE_LIFE_S = 600;
const FIRST_INTERVAL_S = 5;
const SLOW_DOWN_S = 5;
/** Wrong passwords on one code; then it is denied. */
const ATTEMPTS = 5;
/** Codes that wait at the same time, of all devices. */
const WAITING_AT_ONCE = 10_000;

/**
 * RFC 8628 §6.1: consonants only, so that no word and no confusion of 0 and O comes up. Eight of
 * twenty are 34.5 bits.
 */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const LENGTH = 8;
const CODE = new RegExp(`^[${ALPHABET}]{${LENGTH}}$`);

/** What a person typed, however: `bcdf ghjk` is `BCDFGHJK`. Undefined: that is no code. */
export function normalizeUserCode(text: string): string | undefined {
  const code = text
    .normalize('NFKC')
    .toUpperCase()
    .replaceAll(/[\s\p{Pd}._]/gu, '');
  return CODE.test(code) ? code : undefined;
}

export function showUserCode(code: string): string {
  return `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`;
}

/** @throws HttpProblem 503 `busy` when too many devices wait */
export async function createDeviceCode(
  deps: DeviceCodeDeps,
  request: DeviceAuthorizationRequest,
  address: string,
): Promise<{ deviceCode: string; userCode: string; interval: number }> {
  const { db, clock } = deps;
  const now = clock.now();
  const at = new Date(now).toISOString();
  const { waiting } = await db
    .selectFrom('device_codes')
    .select((select) => select.fn.countAll().as('waiting'))
    .where('expires_at', '>', at)
    .executeTakeFirstOrThrow();
  if (Number(waiting) >= WAITING_AT_ONCE) {
    throw new HttpProblem(503, 'busy', 'Too many devices are waiting to be let in.', {
      headers: { 'retry-after': '60' },
    });
  }
  const deviceCode = randomBytes(32).toString('base64url');
  const userCode = Array.from({ length: LENGTH }, () =>
    ALPHABET.charAt(randomInt(ALPHABET.length)),
  ).join('');
  await db
    .insertInto('device_codes')
    .values({
      id: randomUUID(),
      device_code_hash: hashToken(deviceCode),
      user_code_hash: hashUserCode(deps, userCode),
      status: 'pending',
      scopes: request.scope ?? null,
      tenant_hint: request.tenant ?? null,
      device_name: request.device_name ?? null,
      device_system: request.device_system ?? null,
      address,
      interval_s: FIRST_INTERVAL_S,
      created_at: at,
      expires_at: new Date(now + DEVICE_CODE_LIFE_S * 1000).toISOString(),
    })
    .execute();
  return { deviceCode, userCode: showUserCode(userCode), interval: FIRST_INTERVAL_S };
}

/** The device that waits with this code (in its normal form). */
export async function findByUserCode(
  deps: DeviceCodeDeps,
  userCode: string,
): Promise<DeviceCode | undefined> {
  return waiting(deps)
    .where('user_code_hash', '=', hashUserCode(deps, userCode))
    .executeTakeFirst();
}

/** The same by its id. */
export async function findWaiting(
  deps: DeviceCodeDeps,
  id: string,
): Promise<DeviceCode | undefined> {
  return waiting(deps).where('id', '=', id).executeTakeFirst();
}

function waiting({ db, clock }: DeviceCodeDeps) {
  return db
    .selectFrom('device_codes')
    .selectAll()
    .where('status', '=', 'pending')
    .where('expires_at', '>', new Date(clock.now()).toISOString());
}

export type Polled =
  | { state: 'approved'; code: DeviceCode }
  | { state: 'unknown' | 'expired' | 'denied' | 'used' | 'slow_down' | 'pending' };

/** The device asks whether it is let in (RFC 8628 §3.5). */
export async function pollDeviceCode(
  { db, clock }: DeviceCodeDeps,
  deviceCode: string,
): Promise<Polled> {
  const code = await db
    .selectFrom('device_codes')
    .selectAll()
    .where('device_code_hash', '=', hashToken(deviceCode))
    .executeTakeFirst();
  if (code === undefined) return { state: 'unknown' };
  if (code.status === 'denied') return { state: 'denied' };
  const now = clock.now();
  if (Date.parse(code.expires_at) <= now) return { state: 'expired' };
  if (code.status !== 'pending') return { state: 'approved', code };
  const early =
    code.polled_at !== null && now < Date.parse(code.polled_at) + code.interval_s * 1000;
  await db
    .updateTable('device_codes')
    .set({
      polled_at: new Date(now).toISOString(),
      interval_s: code.interval_s + (early ? SLOW_DOWN_S : 0),
    })
    .where('id', '=', code.id)
    .execute();
  return { state: early ? 'slow_down' : 'pending' };
}

/** The person lets the device in, or not. @returns false: it does not wait any more */
export async function decideDeviceCode(
  { db, clock }: DeviceCodeDeps,
  code: DeviceCode,
  decision: { approve: false } | { approve: true; userId: string; tenantId: string | null },
  actor: Actor,
): Promise<boolean> {
  return db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('device_codes')
      .set(
        decision.approve
          ? { status: 'approved', user_id: decision.userId, tenant_id: decision.tenantId }
          : { status: 'denied' },
      )
      .where('id', '=', code.id)
      .where('status', '=', 'pending')
      .executeTakeFirst();
    if (numUpdatedRows === 0n) return false;
    await recordAudit(transaction, clock, {
      ...actor,
      type: decision.approve ? 'DeviceApprovedEvent' : 'DeviceDeniedEvent',
      subjectId: code.id,
      data: { device_name: code.device_name, address: code.address },
    });
    return true;
  });
}

/**
 * Counts a password before it is looked at, so that many at once are counted too.
 *
 * @returns how many more there may be; undefined: not even this one
 */
export async function countAttempt(
  { db }: DeviceCodeDeps,
  code: DeviceCode,
): Promise<number | undefined> {
  const { numUpdatedRows } = await db
    .updateTable('device_codes')
    .set((column) => ({ attempts: column('attempts', '+', 1) }))
    .where('id', '=', code.id)
    .where('attempts', '<', ATTEMPTS)
    .executeTakeFirst();
  return numUpdatedRows === 0n ? undefined : Math.max(0, ATTEMPTS - code.attempts - 1);
}

/** Expired ones are kept for a day, so that a device is told `expired_token`. */
export async function forgetOldDeviceCodes({ db, clock }: DeviceCodeDeps): Promise<number> {
  const before = new Date(clock.now() - 86_400_000).toISOString();
  const { numDeletedRows } = await db
    .deleteFrom('device_codes')
    .where('expires_at', '<', before)
    .executeTakeFirst();
  return Number(numDeletedRows);
}

function hashUserCode({ userCodeKey }: DeviceCodeDeps, code: string): string {
  return createHmac('sha256', userCodeKey).update(code).digest('hex');
}

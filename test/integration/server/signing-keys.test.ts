import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify, SignJWT, type JWTHeaderParameters } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SigningKeyList } from '../../../src/api/contract/signing-keys.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { loadMasterKey } from '../../../src/server/domain/master-key.ts';
import { loadSigningKeys, type SigningKeys } from '../../../src/server/domain/signing-keys.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

const clock = adjustableClock();
let server: TestServer;
let db: Database;
let client: IdentityClient;
/** What another process of the server would hold: the same tables, its own memory. */
let beside: SigningKeys;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'], clock });
  db = await openDatabaseOf(server);
  client = identityClient(server);
  const masterKey = await loadMasterKey(db, join(server.dataFolder, 'server.key'), undefined);
  beside = await loadSigningKeys(db, clock, masterKey);
  await client.addUser('ada', 'member', { acme: 'editor' });
});
afterAll(async () => {
  await db.destroy();
  await server.close();
});

const info = (token: string) => client.call('GET', '/tenant/mount/info', token);
const KEYS = '/api/v1/admin/signing-keys';
const rotate = (json?: object) => client.call('POST', `${KEYS}/rotate`, server.adminToken, json);

interface Forgery {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  key?: KeyObject;
}

function parts(token: string): [Record<string, unknown>, Record<string, unknown>] {
  const read = (text = ''): Record<string, unknown> =>
    JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
  const [header, payload] = token.split('.');
  return [read(header), read(payload)];
}

/** A genuine token of a session with something changed, signed anew with the server's own key. */
async function forge({ header, claims, key }: Forgery): Promise<string> {
  const { access_token: genuine } = await client.login('ada');
  const [genuineHeader, genuineClaims] = parts(genuine);
  return new SignJWT({ ...genuineClaims, ...claims })
    .setProtectedHeader({ ...genuineHeader, ...header } as JWTHeaderParameters)
    .sign(key ?? beside.active.privateKey, { crit: { 'urn:x': true } });
}

describe('a session’s token (RFC 8725)', () => {
  const stranger = generateKeyPairSync('ed25519');
  const now = () => Math.floor(clock.now() / 1000);

  it('is taken unchanged, so that the table below proves something', async () => {
    expect((await info(await forge({}))).status).toBe(200);
  });

  it.each<[string, () => Forgery, string?]>([
    ['another issuer', () => ({ claims: { iss: 'https://evil.example' } })],
    ['another audience', () => ({ claims: { aud: 'other' } })],
    ['another type', () => ({ header: { typ: 'JWT' } })],
    ['no type', () => ({ header: { typ: undefined } })],
    ['an unknown critical extension', () => ({ header: { crit: ['urn:x'], 'urn:x': 1 } })],
    ['a key id that is a path', () => ({ header: { kid: '../../../../dev/null' } })],
    ['a key id that is SQL', () => ({ header: { kid: "' OR '1'='1" } })],
    ['an unknown key id', () => ({ header: { kid: 'x' }, key: stranger.privateKey })],
    [
      'a key of its own (jwk)',
      () => ({
        key: stranger.privateKey,
        header: { jwk: stranger.publicKey.export({ format: 'jwk' }) },
      }),
    ],
    [
      'a key set of its own (jku)',
      () => ({
        key: stranger.privateKey,
        header: { jku: 'http://127.0.0.1:9/jwks.json' },
      }),
    ],
    [
      'a certificate of its own (x5u)',
      () => ({
        key: stranger.privateKey,
        header: { x5u: 'http://127.0.0.1:9/x.pem' },
      }),
    ],
    [
      'an end that has come',
      () => ({ claims: { iat: now() - 700, exp: now() - 100 } }),
      'token-expired',
    ],
    ['a beginning to come', () => ({ claims: { nbf: now() + 300 } })],
    ['an issue to come', () => ({ claims: { iat: now() + 300, exp: now() + 900 } })],
    ['a life that we never give', () => ({ claims: { exp: now() + 86_400 } })],
    ['another subject', () => ({ claims: { sub: '00000000-0000-4000-8000-000000000000' } })],
    ['another session', () => ({ claims: { sid: '00000000-0000-4000-8000-000000000000' } })],
    ['another tenant', () => ({ claims: { tenant_id: '00000000-0000-4000-8000-000000000000' } })],
    ['no tenant, as administrators have', () => ({ claims: { tenant_id: undefined } })],
  ])('is refused with %s', async (_what, forgery, code = 'token-invalid') => {
    expect((await info(await forge(forgery()))).body).toMatchObject({ status: 401, code });
  });

  it.each([
    ['none', () => ''],
    [
      'HS256',
      (input: string, pem: string) => createHmac('sha256', pem).update(input).digest('base64url'),
    ],
  ])('is refused with alg %s, signed with what is public', async (alg, sign) => {
    const { access_token: genuine } = await client.login('ada');
    const [header, payload] = parts(genuine);
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${encode({ ...header, alg })}.${encode(payload)}`;
    const pem = createPublicKey(beside.active.privateKey).export({ format: 'pem', type: 'spki' });
    const { body } = await info(`${input}.${sign(input, String(pem))}`);
    expect(body).toMatchObject({ status: 401, code: 'token-invalid' });
  });

  it('is refused with RS256, with a key that is not of that kind', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const token = await forge({ header: { alg: 'RS256' }, key: rsa.privateKey });
    expect((await info(token)).body).toMatchObject({ status: 401, code: 'token-invalid' });
  });

  it('may come from a server whose clock is a little ahead', async () => {
    const token = await forge({ claims: { iat: now() + 30, exp: now() + 630 } });
    expect((await info(token)).status).toBe(200);
  });

  it('gives no scope beyond role and session', async () => {
    const token = await forge({ claims: { scope: 'mount:read tenant users instance' } });
    const { body } = await client.call('GET', '/api/v1/auth/me', token);
    expect(body['scopes']).toEqual(['mount:read']);
  });
});

describe('rotation', () => {
  it('needs an owner, and the time in which everybody learns the next key', async () => {
    const key = server.apiKeyOf('acme');
    expect((await client.call('POST', `${KEYS}/rotate`, key)).status).toBe(403);
    const { body, headers } = await rotate();
    expect(body).toMatchObject({ status: 409, code: 'rotated-just-now' });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('signs nobody out, and others know the new key before it signs', async () => {
    clock.advance(301_000);
    const jwks = createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`));
    const check = (token: string) =>
      jwtVerify(token, jwks, { typ: 'at+jwt', currentDate: new Date(clock.now()) });
    const before = await client.login('ada');
    const first = await check(before.access_token);
    const { body } = await rotate();
    const { signing_keys: keys } = SigningKeyList.parse(body);
    expect(keys.map(({ status }) => status).toSorted()).toEqual(['active', 'next', 'retired']);
    expect((await info(before.access_token)).status).toBe(200);
    const after = (await client.refresh(before.refresh_token!)).body['access_token'] as string;
    // The set was fetched before the rotation, and is not fetched again.
    const second = await check(after);
    expect(second.protectedHeader.kid).not.toBe(first.protectedHeader.kid);
    // Another process has not heard of it yet, and asks when it meets the key.
    clock.advance(6_000);
    expect(await beside.publicKey(second.protectedHeader.kid!)).toBeDefined();
    clock.advance(1_000_000);
    const published = (await client.call('GET', '/.well-known/jwks.json')).body['keys'];
    expect(published).toHaveLength(2);
  });

  it('refuses at once what a compromised key has signed', async () => {
    const { access_token: token, refresh_token: refresh } = await client.login('ada');
    expect((await rotate({ compromised: true })).status).toBe(200);
    expect((await info(token)).body).toMatchObject({ status: 401, code: 'token-invalid' });
    const next = await client.refresh(refresh!);
    expect((await info(String(next.body['access_token']))).status).toBe(200);
    const rows = await db
      .selectFrom('audit_events')
      .select('data')
      .where('type', '=', 'SigningKeyRotatedEvent')
      .execute();
    expect(rows.map(({ data }) => JSON.parse(data) as object)).toMatchObject([
      { reason: 'rotation' },
      { reason: 'compromised' },
    ]);
  });
});

import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { SignJWT, type JWTHeaderParameters } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_KEY_GRANT, type TokenResponse } from '../../../src/api/contract/auth.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { loadMasterKey } from '../../../src/server/domain/master-key.ts';
import { loadSigningKeys, type SigningKeys } from '../../../src/server/domain/signing-keys.ts';
import { createToken } from '../../../src/server/domain/tokens.ts';
import { systemClock } from '../../../src/platform/clock.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

const clock = adjustableClock();
let server: TestServer;
/** A second connection to the server's own database: what an operator may do beside it. */
let db: Database;
let keys: SigningKeys;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'], clock });
  db = await openDatabaseOf(server);
  const masterKey = await loadMasterKey(db, join(server.dataFolder, 'server.key'), undefined);
  keys = await loadSigningKeys(db, systemClock, masterKey);
});
afterAll(async () => {
  await db.destroy();
  await server.close();
});

async function get(path: string, authorization?: string) {
  const response = await fetch(server.url + path, {
    headers: authorization === undefined ? {} : { authorization },
  });
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    body: (await response.json()) as Record<string, unknown>,
  };
}

async function exchange(body: string, type = 'application/x-www-form-urlencoded') {
  const response = await fetch(`${server.url}/api/v1/auth/token`, {
    method: 'POST',
    headers: { 'content-type': type },
    body,
  });
  return {
    status: response.status,
    cache: response.headers.get('cache-control'),
    body: (await response.json()) as TokenResponse & { error?: string },
  };
}

const form = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();

async function accessToken(slug: string): Promise<string> {
  const { body } = await exchange(
    form({ grant_type: API_KEY_GRANT, api_key: server.apiKeyOf(slug) }),
  );
  return body.access_token;
}

function parts(token: string): [Record<string, unknown>, Record<string, unknown>] {
  const [header, payload] = token.split('.');
  const read = (text: string | undefined): Record<string, unknown> =>
    JSON.parse(Buffer.from(text ?? '', 'base64url').toString()) as Record<string, unknown>;
  return [read(header), read(payload)];
}

describe('POST /api/v1/auth/token', () => {
  it('exchanges an API key for ten minutes of access', async () => {
    const { status, cache, body } = await exchange(
      form({ grant_type: API_KEY_GRANT, api_key: server.apiKeyOf('acme') }),
    );
    expect({ status, cache }).toEqual({ status: 200, cache: 'no-store' });
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 600 });
    const [header, payload] = parts(body.access_token);
    expect(header).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid: keys.active.kid });
    expect(payload).toMatchObject({ iss: server.url, aud: 'cloud-api', scope: body.scope });
    expect(Number(payload['exp']) - Number(payload['iat'])).toBe(600);
    expect(Object.keys(payload).toSorted()).toEqual(
      ['aud', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub', 'tenant_id'].toSorted(),
    );
    const me = await get('/api/v1/auth/me', `Bearer ${body.access_token}`);
    expect(me.body).toMatchObject({ kind: 'access_token', tenant: { slug: 'acme' } });
  });

  it('publishes the key that checks it, and the next one', async () => {
    const { body } = await get('/.well-known/jwks.json');
    expect(JSON.stringify(body)).not.toContain('"d"');
    expect(body['keys']).toMatchObject([
      { kid: keys.active.kid, kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' },
      { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' },
    ]);
  });

  const key = () => server.apiKeyOf('acme');
  it.each<[string, () => string, number, string]>([
    ['no grant', () => form({ api_key: key() }), 400, 'invalid_request'],
    [
      'another grant',
      () => form({ grant_type: 'password', api_key: key() }),
      400,
      'unsupported_grant_type',
    ],
    ['no key', () => form({ grant_type: API_KEY_GRANT }), 400, 'invalid_request'],
    [
      'two keys',
      () => `${form({ grant_type: API_KEY_GRANT, api_key: key() })}&api_key=x`,
      400,
      'invalid_request',
    ],
    [
      'a mistyped key',
      () => form({ grant_type: API_KEY_GRANT, api_key: key().replace(/.$/, 'x') }),
      400,
      'invalid_grant',
    ],
    [
      'an admin token',
      () => form({ grant_type: API_KEY_GRANT, api_key: server.adminToken }),
      400,
      'invalid_grant',
    ],
  ])('refuses %s as RFC 6749 says', async (_what, body, status, error) => {
    const answer = await exchange(body());
    expect(answer).toMatchObject({ status, cache: 'no-store', body: { error } });
  });

  it('refuses JSON', async () => {
    const { status, body } = await exchange('{}', 'application/json');
    expect({ status, error: body.error }).toEqual({ status: 415, error: 'invalid_request' });
  });
});

describe('opaque tokens', () => {
  it('says what is wrong to the holder of the secret only', async () => {
    const made = await createToken(db, clock, {
      kind: 'api',
      label: 'short',
      tenantId: (await tenantId('acme'))!,
      scopes: ['mount:read'],
      createdBy: 'test',
      lifeMs: 60_000,
    });
    const info = (token: string) => get('/tenant/mount/info', `Bearer ${token}`);
    expect((await info(made.text)).status).toBe(200);
    clock.advance(61_000);
    expect((await info(made.text)).body).toMatchObject({ status: 401, code: 'token-expired' });
    await db
      .updateTable('credentials')
      .set({ revoked_at: new Date(clock.now()).toISOString() })
      .where('id', '=', made.id)
      .execute();
    expect((await info(made.text)).body).toMatchObject({ status: 401, code: 'token-revoked' });
    const guess = server.apiKeyOf('acme').replace(/_[A-Za-z0-9]{12}_/, `_${made.id}_`);
    expect((await info(guess)).body).toMatchObject({ status: 401, code: 'token-invalid' });
  });

  it('never lives longer than a year', async () => {
    const made = await createToken(db, systemClock, {
      kind: 'api',
      label: 'long',
      tenantId: null,
      scopes: [],
      createdBy: 'test',
      lifeMs: 10 * 365 * 86_400_000,
    });
    const row = await db
      .selectFrom('credentials')
      .select('expires_at')
      .where('id', '=', made.id)
      .executeTakeFirstOrThrow();
    expect(Date.parse(row.expires_at)).toBeLessThanOrEqual(Date.now() + 365 * 86_400_000);
  });

  it('may do what its scopes say', async () => {
    const made = await createToken(db, clock, {
      kind: 'api',
      label: 'reader',
      tenantId: (await tenantId('acme'))!,
      scopes: ['mount:read'],
      createdBy: 'test',
      lifeMs: 60_000,
    });
    const call = async (method: string, path: string, body?: object) => {
      const response = await fetch(server.url + path, {
        method,
        headers: { authorization: `Bearer ${made.text}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return response.status;
    };
    const credentials = '/tenant/mount/credentials';
    expect(await call('POST', credentials)).toBe(403);
    expect(await call('POST', credentials, { permission: 'rw' })).toBe(403);
    expect(await call('POST', credentials, { permission: 'ro' })).toBe(201);
    expect(await call('DELETE', `${credentials}/x`)).toBe(403);
    expect(await call('POST', '/api/v1/admin/tenants', { slug: 'mine', name: 'x' })).toBe(403);
  });

  it('ends its own credentials only, without the scope of the whole tenant', async () => {
    const mint = async (label: string) =>
      createToken(db, clock, {
        kind: 'api',
        label,
        tenantId: (await tenantId('acme'))!,
        scopes: ['mount:read', 'mount'],
        createdBy: 'test',
        lifeMs: 60_000,
      });
    const [one, two] = [await mint('one'), await mint('two')];
    const call = (method: string, path: string, token: string) =>
      fetch(server.url + path, { method, headers: { authorization: `Bearer ${token}` } });
    const issued = await call('POST', '/tenant/mount/credentials', one.text);
    const { id } = (await issued.json()) as { id: string };
    const path = `/tenant/mount/credentials/${id}`;
    expect((await call('DELETE', path, two.text)).status).toBe(403);
    expect((await call('DELETE', path, one.text)).status).toBe(204);
  });
});

async function tenantId(slug: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('tenants')
    .select('id')
    .where('slug', '=', slug)
    .executeTakeFirst();
  return row?.id;
}

describe('access tokens', () => {
  interface Forgery {
    header?: Partial<JWTHeaderParameters> & Record<string, unknown>;
    claims?: Record<string, unknown>;
    without?: string;
    key?: KeyObject;
  }

  /** The genuine token of acme with something changed, signed anew with the server's own key. */
  async function forge({ header, claims, without, key }: Forgery): Promise<string> {
    const [genuineHeader, genuineClaims] = parts(await accessToken('acme'));
    const payload: Record<string, unknown> = { ...genuineClaims, ...claims };
    if (without !== undefined) Reflect.deleteProperty(payload, without);
    return new SignJWT(payload)
      .setProtectedHeader({ ...genuineHeader, ...header } as JWTHeaderParameters)
      .sign(key ?? keys.active.privateKey, { crit: { 'urn:x': true } });
  }

  function unsigned(header: object, payload: object, sign: (input: string) => string): string {
    const encode = (value: object): string =>
      Buffer.from(JSON.stringify(value)).toString('base64url');
    const input = `${encode(header)}.${encode(payload)}`;
    return `${input}.${sign(input)}`;
  }

  it('accepts the unchanged one, so that the table below proves something', async () => {
    const { status } = await get('/tenant/mount/info', `Bearer ${await forge({})}`);
    expect(status).toBe(200);
  });

  const stranger = generateKeyPairSync('ed25519');
  const now = () => Math.floor(clock.now() / 1000);
  it.each<[string, Forgery, string?]>([
    ['wrong issuer', { claims: { iss: 'https://evil.example' } }],
    ['wrong audience', { claims: { aud: 'another-api' } }],
    ['wrong type', { header: { typ: 'JWT' } }],
    ['expired', { claims: { exp: 1 } }, 'token-expired'],
    ['not yet valid', { claims: { nbf: 4_000_000_000 } }],
    ['unknown key id', { header: { kid: 'nobody' } }],
    ['no key id', { header: { kid: undefined } as unknown as Record<string, unknown> }],
    ['signed by a stranger', { key: stranger.privateKey }],
    [
      'bringing its own key',
      {
        key: stranger.privateKey,
        header: { jwk: stranger.publicKey.export({ format: 'jwk' }) },
      },
    ],
    [
      'naming its own key set',
      { key: stranger.privateKey, header: { jku: 'http://127.0.0.1:9/jwks.json' } },
    ],
    ['critical extension', { header: { crit: ['urn:x'], 'urn:x': 1 } }],
    ['another tenant', { claims: { tenant_id: '00000000-0000-4000-8000-000000000000' } }],
    ['no tenant', { without: 'tenant_id' }],
    ['tenant of another form', { claims: { tenant_id: 7 } }],
    ['no subject', { without: 'sub' }],
    ['unknown subject', { claims: { sub: 'AAAAAAAAAAAA' } }],
    ['no expiry', { without: 'exp' }],
    ['no id', { without: 'jti' }],
  ])('refuses one: %s', async (_what, forgery, code = 'token-invalid') => {
    const answer = await get('/tenant/mount/info', `Bearer ${await forge(forgery)}`);
    expect(answer.body).toMatchObject({ status: 401, code });
    expect(answer.challenge).toContain('error="invalid_token"');
  });

  it('refuses alg none and HS256 with the public key', async () => {
    const [header, payload] = parts(await accessToken('acme'));
    const pem = createPublicKey(keys.active.privateKey).export({ format: 'pem', type: 'spki' });
    const forgeries = [
      unsigned({ ...header, alg: 'none' }, payload, () => ''),
      unsigned({ ...header, alg: 'HS256' }, payload, (input) =>
        createHmac('sha256', pem).update(input).digest('base64url'),
      ),
    ];
    for (const token of forgeries) {
      const { body } = await get('/tenant/mount/info', `Bearer ${token}`);
      expect(body).toMatchObject({ status: 401, code: 'token-invalid' });
    }
  });

  it('grants no scope that its credential has not', async () => {
    const token = await forge({ claims: { scope: 'mount:read instance tenants' } });
    const { body } = await get('/api/v1/auth/me', `Bearer ${token}`);
    expect(body['scopes']).toEqual(['mount:read']);
  });

  it('ends after ten minutes', async () => {
    const token = await accessToken('acme');
    const until = now() + 600;
    clock.advance((until - now() + 1) * 1000);
    const { body } = await get('/tenant/mount/info', `Bearer ${token}`);
    expect(body).toMatchObject({ status: 401, code: 'token-expired' });
  });

  it('ends at once with its API key', async () => {
    const made = await createToken(db, clock, {
      kind: 'api',
      label: 'ends',
      tenantId: (await tenantId('acme'))!,
      scopes: ['mount:read'],
      createdBy: 'test',
      lifeMs: 3_600_000,
    });
    const { body } = await exchange(form({ grant_type: API_KEY_GRANT, api_key: made.text }));
    const info = () => get('/tenant/mount/info', `Bearer ${body.access_token}`);
    expect((await info()).status).toBe(200);
    await db
      .updateTable('credentials')
      .set({ revoked_at: new Date(clock.now()).toISOString() })
      .where('id', '=', made.id)
      .execute();
    expect((await info()).body).toMatchObject({ status: 401, code: 'token-revoked' });
  });
});

describe('no or another credential', () => {
  it.each([
    [undefined, 'authentication-required'],
    ['Bearer', 'token-invalid'],
    ['Basic YTpi', 'token-invalid'],
    ['Bearer x', 'token-invalid'],
    ['Bearer a.b.c', 'token-invalid'],
    ['Bearer ..', 'token-invalid'],
  ])('%s is 401 with a challenge', async (authorization, code) => {
    const answer = await get('/tenant/mount/info', authorization);
    expect(answer.body).toMatchObject({ status: 401, code });
    expect(answer.challenge).toMatch(/^Bearer realm="cloud"/);
  });

  it('an administrator has no tenant', async () => {
    const { body } = await get('/tenant/mount/info', `Bearer ${server.adminToken}`);
    expect(body).toMatchObject({ status: 403, code: 'tenant-needed' });
  });

  it('a tenant is no administrator', async () => {
    const { body } = await get('/api/v1/admin/tenants', `Bearer ${server.apiKeyOf('acme')}`);
    expect(body).toMatchObject({ status: 403, code: 'administrator-needed' });
  });
});

describe('the policy of the tenant', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    [
      'denied',
      () => db.updateTable('tenant_policies').set({ policy: 'denied' }).execute(),
      'tenant-denied',
    ],
    ['no policy', () => db.deleteFrom('tenant_policies').execute(), 'tenant-denied'],
    [
      'removed',
      () => db.updateTable('tenants').set({ status: 'removed' }).execute(),
      'tenant-inactive',
    ],
  ])('%s: 403 with the next request, and no new tokens', async (_what, change, code) => {
    const token = await accessToken('other');
    await change();
    try {
      for (const credential of [token, server.apiKeyOf('other')]) {
        const { body } = await get('/tenant/mount/info', `Bearer ${credential}`);
        expect(body).toMatchObject({ status: 403, code });
      }
      const answer = await exchange(
        form({ grant_type: API_KEY_GRANT, api_key: server.apiKeyOf('other') }),
      );
      expect(answer).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    } finally {
      await restore();
    }
    expect((await get('/tenant/mount/info', `Bearer ${token}`)).status).toBe(200);
  });

  async function restore(): Promise<void> {
    await db.updateTable('tenants').set({ status: 'active' }).execute();
    await db.deleteFrom('tenant_policies').execute();
    const tenants = await db.selectFrom('tenants').select('id').execute();
    await db
      .insertInto('tenant_policies')
      .values(
        tenants.map(({ id }) => ({
          tenant_id: id,
          policy: 'allowed' as const,
          updated_by: 'test',
          updated_at: new Date().toISOString(),
        })),
      )
      .execute();
  }
});

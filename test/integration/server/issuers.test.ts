import { createHmac, generateKeyPairSync } from 'node:crypto';
import { importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEVICE_CODE_GRANT, type TokenResponse } from '../../../src/api/contract/auth.ts';
import type { Issuer } from '../../../src/api/contract/issuers.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient, type Answer, type IdentityClient } from '../../support/identity.ts';
import {
  approveAtProvider,
  CLIENT,
  startProvider,
  type TestProvider,
} from '../../support/oidc-provider.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const PATH = '/api/v1/admin/issuers';
const clock = adjustableClock();
let server: TestServer;
let provider: TestProvider;
let client: IdentityClient;

beforeAll(async () => {
  server = await startTestServer({
    tenants: ['acme', 'other', 'third'],
    clock,
    env: { CLOUD_SERVER_ISSUER_PRIVATE: '1' },
  });
  client = identityClient(server);
  provider = await startProvider();
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
  await server.close();
});

const admin = (method: string, path: string, json?: unknown): Promise<Answer> =>
  client.call(method, PATH + path, server.adminToken, json);

/** Trusts the provider anew, with these settings. */
async function trust(settings: Partial<Issuer> = {}): Promise<Issuer> {
  await admin('DELETE', '/work');
  const request = { name: 'work', url: provider.issuer, client_id: CLIENT };
  const { status, body } = await admin('POST', '', { ...request, ...settings });
  expect({ status, body }).toMatchObject({ status: 201 });
  return body as Issuer;
}

interface Forged {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  /** Claims that are left out. */
  without?: string[];
}

let count = 0;
/** An ID token of the provider, or nearly one: signed with its own key. */
async function idToken(subject: string, { header, claims, without = [] }: Forged = {}) {
  const now = Math.floor(clock.now() / 1000);
  count += 1;
  const all: Record<string, unknown> = {
    ...{ iss: provider.issuer, aud: CLIENT, sub: subject, iat: now, exp: now + 3600 },
    // As real tokens of one second differ.
    ...{ sid: String(count), preferred_username: subject, ...claims },
  };
  for (const name of without) Reflect.deleteProperty(all, name);
  const { alg = '', kid = '' } = provider.key;
  return new SignJWT(all)
    .setProtectedHeader({ alg, kid, ...header })
    .sign(await importJWK(provider.key, alg), { crit: { x: true } });
}

function exchange(token: string, more: Record<string, string> = {}): Promise<Answer> {
  return client.form('/api/v1/auth/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: 'cloud-cli',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    ...more,
  });
}

describe('administration', () => {
  it('adds, shows, lists and removes an issuer, and writes each into the audit trail', async () => {
    const issuer = await trust();
    expect(issuer).toMatchObject({
      ...{ name: 'work', url: provider.issuer, client_id: CLIENT, audience: CLIENT },
      ...{ algorithms: ['RS256'], clock_skew: 60, create_users: false, session_days: 30 },
      ...{ tenant_claim: null, scope: 'openid profile email' },
    });
    expect((await admin('GET', '/work')).body).toEqual(issuer);
    expect((await admin('GET', '')).body).toEqual({ issuers: [issuer] });
    const metadata = await client.call('GET', '/.well-known/oauth-authorization-server');
    expect(metadata.body['trusted_issuers']).toEqual([
      { name: 'work', issuer: issuer.url, client_id: CLIENT, scope: issuer.scope },
    ]);
    expect((await admin('DELETE', `/${issuer.id}`)).status).toBe(204);
    expect((await admin('GET', '/work')).body).toMatchObject({ code: 'issuer-not-found' });
    expect((await admin('DELETE', '/work')).status).toBe(404);
  });

  it.each([
    ['an address where nobody answers', { name: 'b', url: 'http://127.0.0.1:1' }, 422],
    ['a name that is there', {}, 409],
    ['plain http elsewhere', { name: 'b', url: 'http://id.example' }, 422],
    ['a query', { name: 'b', url: 'https://id.example/?a=b' }, 422],
    ['another issuer behind the address', { name: 'b', url: '<localhost>' }, 422],
    ['an unsafe algorithm', { name: 'b', algorithms: ['HS256'] }, 422],
    ['no algorithm that it signs with', { name: 'b', algorithms: ['ES256'] }, 422],
    ['the same address', { name: 'b' }, 409],
    ['an unknown field', { name: 'b', jwks_uri: 'https://id.example/jwks' }, 422],
    ['a scope without openid', { name: 'b', scope: 'profile' }, 422],
  ])('refuses %s', async (_what, change, status) => {
    await trust();
    const request = { name: 'work', url: provider.issuer, client_id: CLIENT, ...change };
    request.url = request.url.replace(
      '<localhost>',
      provider.issuer.replace('127.0.0.1', 'localhost'),
    );
    const answer = await admin('POST', '', request);
    expect(answer.status).toBe(status);
    expect((await admin('GET', '')).body['issuers']).toHaveLength(1);
  });

  it('is for owners only', async () => {
    await client.addUser('just-admin', 'admin');
    const { access_token: token } = await client.login('just-admin', { tenant: null });
    expect((await client.call('GET', PATH, token)).body).toMatchObject({ code: 'scope-missing' });
    expect((await client.call('POST', PATH, token, {})).status).toBe(403);
    expect((await client.call('GET', PATH, server.apiKeyOf('acme'))).status).toBe(403);
  });

  it('does not look into private networks unless it may', async () => {
    await using strict = await startTestServer();
    const { status, body } = await identityClient(strict).call('POST', PATH, strict.adminToken, {
      ...{ name: 'work', url: provider.issuer, client_id: CLIENT },
    });
    expect({ status, body }).toMatchObject({ status: 422, body: { code: 'issuer-unreachable' } });
    expect(String(body['detail'])).toContain('private address');
  });
});

describe('a session for an ID token', () => {
  it('is opened by a token that the provider issued in its own device flow', async () => {
    await trust({ create_users: true, tenant_claim: 'groups' });
    const form = { client_id: CLIENT, scope: 'openid profile email' };
    const post = async (path: string, fields: Record<string, string>) => {
      const body = new URLSearchParams(fields);
      const response = await fetch(provider.issuer + path, { method: 'POST', body });
      return (await response.json()) as Record<string, string>;
    };
    const code = await post('/device/auth', form);
    await approveAtProvider(code['verification_uri_complete']!, 'grace');
    const tokens = await post('/token', {
      grant_type: DEVICE_CODE_GRANT,
      device_code: code['device_code']!,
      client_id: CLIENT,
    });
    const refused = await exchange(tokens['id_token']!);
    // Of no tenant yet: the provider's test accounts have no groups.
    expect(refused).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(refused.body['error_description']).toContain('You are grace here');
    const member = { user: 'grace', role: 'viewer' };
    await client.call('POST', '/api/v1/admin/tenants/acme/members', server.adminToken, member);
    const { status, body } = await exchange(tokens['id_token']!, { device_name: 'a laptop' });
    expect(status).toBe(200);
    const session = body as TokenResponse;
    const me = await client.call('GET', '/api/v1/auth/me', session.access_token);
    expect(me.body).toMatchObject({
      ...{ kind: 'access_token', role: 'viewer', tenant: { slug: 'acme' } },
      ...{ user: { username: 'grace' }, credential: { kind: 'session', label: 'a laptop' } },
    });
    expect((await client.refresh(session.refresh_token!)).status).toBe(200);
    const known = await admin('GET', '/work/identities');
    expect(known.body['identities']).toMatchObject([
      { subject: 'grace', user: { username: 'grace' } },
    ]);
    expect(JSON.stringify(known.body)).not.toContain('"last_sign_in_at":null');
  });

  it('goes to nobody whom the issuer may not make; an administrator says who it is', async () => {
    await trust();
    await client.addUser('linus', 'member', { acme: 'editor' });
    const refused = await exchange(await idToken('linus'));
    expect(refused).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(refused.body['error_description']).toContain(
      "cloud admin issuer link work 'linus' --user NAME",
    );
    const link = { subject: 'linus', user: 'linus' };
    expect((await admin('POST', '/work/identities', link)).status).toBe(201);
    expect((await admin('POST', '/work/identities', link)).body).toMatchObject({
      code: 'identity-taken',
    });
    const let_in = await exchange(await idToken('linus'));
    expect(let_in.status).toBe(200);
    expect((await admin('DELETE', '/work/identities/linus')).status).toBe(204);
    expect((await admin('DELETE', '/work/identities/linus')).status).toBe(404);
    const after = await client.refresh(let_in.body['refresh_token'] as string);
    expect(after.body).toMatchObject({ error: 'invalid_grant' });
    expect((await exchange(await idToken('linus'))).status).toBe(403);
  });

  it('never takes over a name of somebody here', async () => {
    await trust({ create_users: true, tenant_claim: 'groups' });
    const local = await client.addUser('root', 'owner');
    const { body } = await exchange(
      await idToken('0815', { claims: { preferred_username: 'ROOT', groups: 'acme' } }),
    );
    const me = await client.call('GET', '/api/v1/auth/me', body['access_token'] as string);
    const user = me.body['user'] as { id: string; username: string };
    expect(user.id).not.toBe(local.id);
    expect(user.username).toMatch(/^root-[0-9a-f]{10}$/);
    expect(me.body['role']).toBe('editor');
    // And the same person again is the same user.
    const again = await exchange(await idToken('0815', { claims: { groups: 'acme' } }));
    const meAgain = await client.call(
      'GET',
      '/api/v1/auth/me',
      again.body['access_token'] as string,
    );
    expect(meAgain.body['user']).toMatchObject({ id: user.id });
  });

  it('follows the claim: members come and go, what an administrator gave stays', async () => {
    await trust({ create_users: true, tenant_claim: 'groups', member_role: 'viewer' });
    const groups = (...names: string[]) => ({ claims: { groups: names } });
    const several = await exchange(await idToken('eve', groups('acme', 'other', 'nowhere')));
    expect(several).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    expect(several.body['tenants']).toMatchObject([{ slug: 'acme' }, { slug: 'other' }]);
    const third = { user: 'eve', role: 'editor' };
    await client.call('POST', '/api/v1/admin/tenants/third/members', server.adminToken, third);
    const first = await exchange(await idToken('eve', groups('acme', 'other')), {
      tenant: 'other',
    });
    const token = first.body['access_token'] as string;
    const made = await client.call('POST', '/tenant/mount/credentials', token, {
      permission: 'ro',
    });
    expect(made.status).toBe(201);
    const moved = await exchange(await idToken('eve', groups('acme')), { tenant: 'acme' });
    expect(moved.status).toBe(200);
    // The session of the tenant that was left may do nothing there any more.
    expect((await client.call('GET', '/tenant/mount/info', token)).status).toBe(403);
    const user = await client.call('GET', '/api/v1/admin/users/eve', server.adminToken);
    expect(user.body['memberships']).toMatchObject([
      { tenant: { slug: 'acme' }, role: 'viewer' },
      { tenant: { slug: 'third' }, role: 'editor' },
    ]);
  });

  it('ends with the days that the issuer is good for, a deactivated user, or the trust', async () => {
    await trust({ create_users: true, tenant_claim: 'groups', session_days: 1 });
    const claims = { claims: { groups: 'acme' } };
    const { body } = await exchange(await idToken('ken', claims));
    expect(body['refresh_expires_in']).toBeLessThanOrEqual(86_400);
    await client.call('POST', '/api/v1/admin/users/ken/deactivate', server.adminToken);
    const refused = await exchange(await idToken('ken', claims));
    expect(refused).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    const other = await exchange(await idToken('dennis', claims));
    const token = other.body['access_token'] as string;
    expect((await client.call('GET', '/api/v1/auth/me', token)).status).toBe(200);
    await admin('DELETE', '/work');
    expect((await client.call('GET', '/api/v1/auth/me', token)).body).toMatchObject({
      code: 'token-revoked',
    });
    expect((await client.refresh(other.body['refresh_token'] as string)).status).toBe(400);
    expect((await exchange(await idToken('dennis', claims))).body).toMatchObject({
      error: 'invalid_grant',
    });
    // Trusted again, it is the same person.
    await trust();
    expect((await exchange(await idToken('dennis', claims))).status).toBe(200);
  });

  it('two first sign-ins at once make one user', async () => {
    await trust({ create_users: true, tenant_claim: 'groups' });
    const tokens = await Promise.all(
      Array.from({ length: 6 }, () => idToken('twin', { claims: { groups: 'acme' } })),
    );
    const answers = await Promise.all(tokens.map((token) => exchange(token)));
    expect(answers.map(({ status }) => status)).toEqual(tokens.map(() => 200));
    const { body } = await client.call('GET', '/api/v1/admin/users', server.adminToken);
    const twins = (body['users'] as { username: string }[]).filter(({ username }) =>
      username.startsWith('twin'),
    );
    expect(twins).toHaveLength(1);
  });
});

describe('a token that was used', () => {
  const claims = { claims: { groups: 'acme' } };
  beforeEach(async () => {
    await trust({ create_users: true, tenant_claim: 'groups' });
  });

  it('gives the lost answer again, until one of its tokens was used', async () => {
    const token = await idToken('alan', claims);
    const first = await exchange(token);
    const second = await exchange(token);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect((await client.refresh(second.body['refresh_token'] as string)).status).toBe(200);
    expect((await exchange(token)).body).toMatchObject({
      error: 'invalid_grant',
      error_description: 'The ID token was used.',
    });
    const sessions = await client.call(
      'GET',
      '/api/v1/auth/sessions',
      first.body['access_token'] as string,
    );
    expect(sessions.body['sessions']).toHaveLength(1);
  });

  it('is known by what was signed, however its signature is written', async () => {
    const token = await idToken('alan', claims);
    const first = await exchange(token);
    expect((await client.refresh(first.body['refresh_token'] as string)).status).toBe(200);
    // 256 bytes in base64url leave four bits of the last letter that mean nothing.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1)!);
    const twin = token.slice(0, -1) + alphabet[last ^ 1]!;
    expect((await exchange(twin)).body).toMatchObject({ error: 'invalid_grant' });
  });

  it('is forgotten when it is too old, and then refused for its age', async () => {
    const token = await idToken('alan', claims);
    expect((await exchange(token)).status).toBe(200);
    clock.advance(12 * 60_000);
    await server.server.upkeep();
    expect((await exchange(token)).body).toMatchObject({
      error: 'invalid_grant',
      error_description: 'The ID token is not accepted: it has expired.',
    });
  });
});

describe('a token that is not accepted', () => {
  beforeEach(async () => {
    await trust({ create_users: true, tenant_claim: 'groups' });
  });
  const now = (): number => Math.floor(clock.now() / 1000);
  const groups = { groups: 'acme' };
  const raw = (header: object, payload: object, signature: string): string =>
    [header, payload]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.') + `.${signature}`;
  const payload = () => ({
    ...{ iss: provider.issuer, aud: CLIENT, sub: 'mallory', ...groups },
    ...{ iat: now(), exp: now() + 600 },
  });
  const forged = (forgery: Forged) => () =>
    idToken('mallory', { ...forgery, claims: { ...groups, ...forgery.claims } });

  it.each<[string, () => Promise<string> | string]>([
    ['of another issuer', forged({ claims: { iss: 'https://id.example' } })],
    [
      'of the issuer with a slash more',
      () => idToken('m', { claims: { iss: `${provider.issuer}/` } }),
    ],
    ['for another client', forged({ claims: { aud: 'another' } })],
    ['without an audience', forged({ without: ['aud'] })],
    ['for several, issued to another', forged({ claims: { aud: [CLIENT, 'x'], azp: 'x' } })],
    ['for several, issued to nobody in particular', forged({ claims: { aud: [CLIENT, 'x'] } })],
    ['that has expired', () => idToken('m', { claims: { ...groups, exp: now() - 61 } })],
    ['without an end', forged({ without: ['exp'] })],
    ['of the future', () => idToken('m', { claims: { ...groups, iat: now() + 120 } })],
    ['not valid yet', () => idToken('m', { claims: { ...groups, nbf: now() + 120 } })],
    ['that lay around', () => idToken('m', { claims: { ...groups, iat: now() - 700 } })],
    ['without its time', forged({ without: ['iat'] })],
    ['without a subject', forged({ without: ['sub'] })],
    ['with a subject that is too long', forged({ claims: { sub: 'x'.repeat(300) } })],
    ['of another type', forged({ header: { typ: 'at+jwt' } })],
    ['a logout token', forged({ header: { typ: 'logout+jwt' } })],
    ['with an unknown crit', forged({ header: { crit: ['x'], x: 1 } })],
    ['with an unknown key', forged({ header: { kid: 'another' } })],
    ['signed by nobody', () => raw({ alg: 'none' }, payload(), '')],
    [
      'signed with the public key as a secret',
      () => {
        const { n = '' } = provider.key;
        const unsigned = raw({ alg: 'HS256', kid: provider.key.kid }, payload(), '').slice(0, -1);
        return `${unsigned}.${createHmac('sha256', n).update(unsigned).digest('base64url')}`;
      },
    ],
    [
      'signed with a key of its own that it brings along',
      async () => {
        const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
        return new SignJWT(payload())
          .setProtectedHeader({
            ...{ alg: 'RS256', kid: provider.key.kid!, jku: 'https://id.example/jwks' },
            jwk: publicKey.export({ format: 'jwk' }),
          })
          .sign(privateKey);
      },
    ],
    [
      'changed after it was signed',
      async () => {
        const [header, , signature] = (await idToken('m')).split('.');
        const body = Buffer.from(JSON.stringify(payload())).toString('base64url');
        return [header, body, signature].join('.');
      },
    ],
    ['that is no token', () => 'eyJ.eyJ.x'],
    ['of ours', async () => (await client.login('linus')).access_token],
  ])('%s', async (_what, token) => {
    const answer = await exchange(await token());
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const mallory = await client.call('GET', '/api/v1/admin/users/mallory', server.adminToken);
    expect(mallory.status).toBe(404);
  });

  it('is accepted when all of that is right, with a clock that is a little off', async () => {
    const good = { claims: { ...groups, iat: now() + 50 }, header: { typ: 'JWT' } };
    expect((await exchange(await idToken('good', good))).status).toBe(200);
  });

  it.each([
    ['no token', { subject_token: '' }, 'invalid_request'],
    [
      'another type of token',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
      'invalid_request',
    ],
    ['another client', { client_id: 'another' }, 'invalid_client'],
    ['an unknown parameter', { actor_token: 'x' }, 'invalid_request'],
    ['no scope of ours', { scope: 'everything' }, 'invalid_scope'],
  ])('%s', async (_what, more: Record<string, string>, error) => {
    expect((await exchange(await idToken('good'), more)).body).toMatchObject({ error });
  });
});

describe('the keys of the provider', () => {
  const claims = { claims: { groups: 'acme' } };
  const asked = (): number => provider.requests.filter((path) => path === '/jwks').length;
  beforeEach(async () => {
    await trust({ create_users: true, tenant_claim: 'groups' });
  });

  it('are asked for once, and again for an unknown one, but not for each', async () => {
    const before = asked();
    await Promise.all([
      exchange(await idToken('kay', claims)),
      exchange(await idToken('kay', claims)),
    ]);
    expect(asked() - before).toBe(1);
    const old = await idToken('kay', claims);
    await provider.rotate();
    // Just asked for: an attacker with made-up keys makes nobody ask more often.
    expect((await exchange(await idToken('kay', claims))).status).toBe(400);
    expect(asked() - before).toBe(1);
    clock.advance(31_000);
    expect((await exchange(await idToken('kay', claims))).status).toBe(200);
    expect(asked() - before).toBe(2);
    // What the old key signed is over with it.
    expect((await exchange(old)).status).toBe(400);
    expect(asked() - before).toBe(2);
  });

  it('that cannot be read are no reason to say that a token is bad', async () => {
    const token = await idToken('kay', claims);
    await provider.stop();
    try {
      const answer = await exchange(token);
      expect(answer).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    } finally {
      await provider.start();
    }
    clock.advance(31_000);
    expect((await exchange(token)).status).toBe(200);
  });
});

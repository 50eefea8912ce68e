import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AuthorizationServer,
  CLIENT_ID,
  DEVICE_CODE_GRANT,
  DeviceAuthorization,
  TokenResponse,
} from '../../../src/api/contract/auth.ts';
import type { Database } from '../../../src/server/db/sqlite.ts';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient, PASSWORD, type IdentityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { openDatabaseOf } from '../../support/test-databases.ts';

const clock = adjustableClock();
let server: TestServer;
let db: Database;
let client: IdentityClient;

beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'], clock });
  db = await openDatabaseOf(server);
  client = identityClient(server);
  await client.addUser('ada', 'member', { acme: 'editor', other: 'viewer' });
  await client.addUser('eve', 'member', { other: 'editor' });
  await client.addUser('nobody');
});
afterAll(async () => {
  await db.destroy();
  await server.close();
});

async function begin(more: Record<string, string> = {}): Promise<DeviceAuthorization> {
  // Each test is somebody who comes later: limits by address are tested below.
  clock.advance(600_000);
  const answer = await client.form('/api/v1/auth/device_authorization', {
    client_id: CLIENT_ID,
    device_name: 'Ada’s laptop',
    device_system: 'Linux <x64>',
    ...more,
  });
  expect(answer).toMatchObject({ status: 200 });
  return DeviceAuthorization.parse(answer.body);
}

const poll = (device_code: string) =>
  client.form('/api/v1/auth/token', {
    grant_type: DEVICE_CODE_GRANT,
    client_id: CLIENT_ID,
    device_code,
  });

/** A browser without scripts: it keeps the cookie, and sends the form of the page it is on. */
class Browser {
  cookie = '';
  origin: string | undefined = server.url;
  text = '';
  status = 0;
  headers = new Headers();

  async open(path: string): Promise<this> {
    return this.#load(await fetch(server.url + path, { headers: { cookie: this.cookie } }));
  }

  async send(fields: Record<string, string>): Promise<this> {
    const action = /action="([^"]+)"/.exec(this.text)?.[1];
    const ticket = /name="ticket" value="([^"]+)"/.exec(this.text)?.[1] ?? '';
    return this.post(action ?? '/device', { ticket, ...fields });
  }

  async post(path: string, fields: Record<string, string>): Promise<this> {
    return this.#load(
      await fetch(server.url + path, {
        method: 'POST',
        headers: {
          cookie: this.cookie,
          ...(this.origin === undefined ? {} : { origin: this.origin }),
        },
        body: new URLSearchParams(fields),
      }),
    );
  }

  async signIn(code: string, username = 'ada', more: Record<string, string> = {}): Promise<this> {
    await this.open('/device');
    await this.send({ user_code: code });
    return this.send({
      ...{ username, password: PASSWORD, confirmed: 'yes', action: 'continue' },
      ...more,
    });
  }

  async #load(response: Response): Promise<this> {
    const cookie = response.headers.get('set-cookie');
    if (cookie !== null) this.cookie = cookie.split(';')[0] ?? '';
    [this.status, this.headers, this.text] = [
      response.status,
      response.headers,
      await response.text(),
    ];
    return this;
  }
}

async function tenantId(slug: string): Promise<string> {
  const row = await db
    .selectFrom('tenants')
    .select('id')
    .where('slug', '=', slug)
    .executeTakeFirstOrThrow();
  return row.id;
}

describe('the device flow', () => {
  it('lets a device in for the tenant that the person chooses', async () => {
    const codes = await begin({ tenant: 'acme' });
    expect(codes).toMatchObject({ interval: 5, expires_in: 600 });
    expect(codes.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect(codes.verification_uri).toBe(`${server.url}/device`);
    expect(codes.verification_uri_complete).toContain(codes.user_code);
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'authorization_pending' });

    const browser = new Browser();
    await browser.open(
      new URL(codes.verification_uri_complete).pathname + `?user_code=${codes.user_code}`,
    );
    expect(browser.text).toContain(`value="${codes.user_code}"`);
    await browser.send({ user_code: codes.user_code.toLowerCase().replace('-', ' ') });
    expect(browser.text).toContain('Ada’s laptop');
    expect(browser.text).toContain('Linux &#60;x64&#62;');
    expect(browser.text).toContain('127.0.0.1');
    await browser.send({
      username: 'ada',
      password: PASSWORD,
      confirmed: 'yes',
      action: 'continue',
    });
    expect(browser.text).toMatch(new RegExp(`value="${await tenantId('acme')}" required checked`));
    await browser.send({ tenant: await tenantId('other'), action: 'approve' });
    expect(browser).toMatchObject({ status: 200 });
    expect(browser.text).toContain('Done');

    const tokens = TokenResponse.parse((await poll(codes.device_code)).body);
    const { body } = await client.call('GET', '/api/v1/auth/me', tokens.access_token);
    expect(body).toMatchObject({
      user: { username: 'ada' },
      tenant: { slug: 'other' },
      role: 'viewer',
      scopes: ['mount:read'],
      credential: { kind: 'session', label: 'Ada’s laptop' },
    });
    const sessions = await client.call('GET', '/api/v1/auth/sessions', tokens.access_token);
    expect(sessions.body['sessions']).toMatchObject([
      { method: 'device', device_name: 'Ada’s laptop' },
    ]);
  });

  it('gives the answer again if it was lost, until one of them is used', async () => {
    const codes = await begin();
    const browser = await new Browser().signIn(codes.user_code, 'eve');
    await browser.send({ tenant: await tenantId('other'), action: 'approve' });
    const lost = TokenResponse.parse((await poll(codes.device_code)).body);
    const again = TokenResponse.parse((await poll(codes.device_code)).body);
    const used = await client.refresh(again.refresh_token!);
    expect(used.status).toBe(200);
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'invalid_grant' });
    // The first answer did arrive, at somebody else.
    expect((await client.refresh(lost.refresh_token!)).status).toBe(400);
    const { body } = await client.call('GET', '/api/v1/auth/me', again.access_token);
    expect(body).toMatchObject({ code: 'token-revoked' });
  });

  it.each([
    ['before signing in', false],
    ['after signing in', true],
  ])('is denied %s', async (_what, signedIn) => {
    const codes = await begin();
    const browser = new Browser();
    if (signedIn) await browser.signIn(codes.user_code);
    else {
      await browser.open('/device');
      await browser.send({ user_code: codes.user_code });
    }
    await browser.send({ action: 'deny' });
    expect(browser.text).toContain('Denied');
    const denied = await db
      .selectFrom('audit_events')
      .select('actor')
      .where('type', '=', 'DeviceDeniedEvent')
      .orderBy('seq', 'desc')
      .executeTakeFirst();
    expect(denied?.actor).toMatch(signedIn ? /^user:/ : /^anonymous$/);
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'access_denied' });
    await browser.open('/device');
    await browser.send({ user_code: codes.user_code });
    expect(browser.status).toBe(422);
  });

  it('tells a device to slow down, and remembers it', async () => {
    const { device_code: code } = await begin();
    const states = [];
    for (const wait of [0, 1_000, 10_500, 5_500, 15_500]) {
      clock.advance(wait);
      states.push((await poll(code)).body['error']);
    }
    expect(states).toEqual([
      'authorization_pending',
      'slow_down',
      'authorization_pending',
      'slow_down',
      'authorization_pending',
    ]);
  });

  it('ends after ten minutes, also for an open page', async () => {
    const codes = await begin();
    const browser = await new Browser().signIn(codes.user_code);
    clock.advance(599_000);
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'authorization_pending' });
    clock.advance(2_000);
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'expired_token' });
    await browser.send({ tenant: await tenantId('acme'), action: 'approve' });
    expect([403, 410]).toContain(browser.status);
  });

  it.each<[string, Record<string, string>, number, string]>([
    ['no client', { client_id: '' }, 400, 'invalid_request'],
    ['another client', { client_id: 'x' }, 401, 'invalid_client'],
    ['an unknown scope', { client_id: CLIENT_ID, scope: 'root' }, 400, 'invalid_scope'],
    ['an unknown field', { client_id: CLIENT_ID, admin: '1' }, 400, 'invalid_request'],
    [
      'a name that moves the cursor',
      { client_id: CLIENT_ID, device_name: '\u001b[2J' },
      400,
      'invalid_request',
    ],
  ])('refuses %s', async (_what, fields, status, error) => {
    clock.advance(600_000);
    const answer = await client.form('/api/v1/auth/device_authorization', fields);
    expect(answer).toMatchObject({ status, body: { error } });
  });

  it('describes itself (RFC 8414)', async () => {
    const { body } = await client.call('GET', '/.well-known/oauth-authorization-server');
    expect(AuthorizationServer.parse(body)).toMatchObject({
      issuer: server.url,
      device_authorization_endpoint: `${server.url}/api/v1/auth/device_authorization`,
    });
  });

  it('keeps no code that could be read from the database', async () => {
    const codes = await begin();
    const rows = JSON.stringify(await db.selectFrom('device_codes').selectAll().execute());
    for (const secret of [codes.device_code, codes.user_code, codes.user_code.replace('-', '')]) {
      expect(rows).not.toContain(secret);
    }
  });
});

describe('the page', () => {
  it('is held by a strict policy, and sends nothing elsewhere', async () => {
    const { headers, text } = await new Browser().open('/device');
    const policy = headers.get('content-security-policy');
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    expect(headers.get('set-cookie')).toMatch(
      /; Path=\/device; Max-Age=1800; HttpOnly; SameSite=Strict$/,
    );
    const style = /<style>(.*)<\/style>/s.exec(text)![1]!;
    expect(policy).toContain(createHash('sha256').update(style).digest('base64'));
    expect(text).not.toMatch(/<script|\son\w+=|src=/i);
  });

  it('takes nothing from the address but a code', async () => {
    const { text } = await new Browser().open('/device?user_code=%22%3E%3Cscript%3E');
    expect(text).not.toContain('script>');
    expect(text).toMatch(/name="user_code"\s+value=""/);
  });

  it('demands that the codes were compared', async () => {
    const codes = await begin();
    const browser = await new Browser().signIn(codes.user_code, 'ada', { confirmed: '' });
    expect(browser.status).toBe(422);
    expect(browser.text).toContain('role="alert"');
  });

  it.each<[string, (browser: Browser) => void]>([
    ['another site', (browser) => (browser.origin = 'https://evil.example')],
    ['nowhere', (browser) => (browser.origin = 'null')],
    ['another port', (browser) => (browser.origin = 'http://127.0.0.1:1')],
    ['a browser without the cookie', (browser) => (browser.cookie = '')],
    ['another browser', (browser) => (browser.cookie = `cloud-device=${'A'.repeat(43)}`)],
    ['two cookies', (browser) => (browser.cookie = `${browser.cookie}; ${browser.cookie}`)],
  ])('refuses a form from %s', async (_what, change) => {
    const codes = await begin();
    const browser = await new Browser().signIn(codes.user_code, 'eve');
    change(browser);
    await browser.send({ tenant: await tenantId('other'), action: 'approve' });
    expect(browser.status).toBe(403);
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'authorization_pending' });
  });

  it('refuses a ticket of another step, of another time, or changed', async () => {
    const codes = await begin();
    const browser = await new Browser().open('/device');
    const first = /name="ticket" value="([^"]+)"/.exec(browser.text)![1]!;
    await browser.send({ user_code: codes.user_code });
    const second = /name="ticket" value="([^"]+)"/.exec(browser.text)![1]!;
    const decide = (ticket: string) =>
      new Browser().open('/device').then((other) => {
        other.cookie = browser.cookie;
        return other.post('/device/decide', { ticket, tenant: '', action: 'approve' });
      });
    for (const ticket of [first, second, `${second}x`, second.replace(/^../, 'AA'), 'x', '']) {
      expect((await decide(ticket)).status).toBe(403);
    }
  });

  it('takes localhost for this machine', async () => {
    const codes = await begin();
    const browser = new Browser();
    browser.origin = server.url.replace('127.0.0.1', 'localhost');
    await browser.open('/device');
    expect((await browser.send({ user_code: codes.user_code })).status).toBe(200);
  });

  it('offers only what the user may', async () => {
    const codes = await begin();
    const browser = await new Browser().signIn(codes.user_code, 'eve');
    await browser.send({ tenant: await tenantId('acme'), action: 'approve' });
    expect(browser.status).toBe(422);
    await browser.send({ tenant: '', action: 'approve' });
    expect(browser.status).toBe(422);
    const other = await begin();
    expect((await new Browser().signIn(other.user_code, 'nobody')).status).toBe(403);
    const narrow = await begin({ scope: 'tenant' });
    expect((await new Browser().signIn(narrow.user_code, 'ada')).status).toBe(403);
  });

  it('refuses a user who was deactivated between the steps', async () => {
    await client.addUser('gone', 'member', { acme: 'editor' });
    const codes = await begin();
    const browser = await new Browser().signIn(codes.user_code, 'gone');
    await client.call('POST', '/api/v1/admin/users/gone/deactivate', server.adminToken);
    await browser.send({ tenant: await tenantId('acme'), action: 'approve' });
    expect(browser.status).toBe(410);
  });

  it.each([
    ['JSON', 'application/json', 415],
    ['nothing of a kind', 'text/plain', 415],
  ])('refuses %s', async (_what, type, status) => {
    const response = await fetch(`${server.url}/device`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: '{}',
    });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain('text/html');
  });

  it('refuses what is too large, or there twice', async () => {
    const browser = await new Browser().open('/device');
    expect((await browser.post('/device', { user_code: 'x'.repeat(10_000) })).status).toBe(413);
    const response = await fetch(`${server.url}/device`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', cookie: browser.cookie },
      body: 'ticket=a&ticket=b',
    });
    expect(response.status).toBe(400);
  });
});

describe('brute force', () => {
  it('has five tries at codes from one address, and none with the right one after that', async () => {
    const codes = await begin();
    const statuses = [];
    const browser = await new Browser().open('/device');
    for (const guess of ['BBBB', 'CCCC', 'DDDD', 'FFFF', 'GGGG', 'HHHH']) {
      statuses.push((await browser.send({ user_code: `${guess}-${guess}` })).status);
      await browser.open('/device');
    }
    expect(statuses).toEqual([422, 422, 422, 422, 422, 429]);
    expect((await browser.send({ user_code: codes.user_code })).status).toBe(429);
    expect(Number(browser.headers.get('retry-after'))).toBeGreaterThan(0);
    clock.advance(120_000);
    await browser.open('/device');
    expect((await browser.send({ user_code: codes.user_code })).status).toBe(200);
  });

  it('has no more tries at codes by making them at the same moment', async () => {
    clock.advance(600_000);
    const browser = await new Browser().open('/device');
    const tries = Array.from({ length: 20 }, async (_, index) => {
      const one = new Browser();
      Object.assign(one, { cookie: browser.cookie, text: browser.text });
      const letter = 'BCDFGHJKLMNPQRSTVWXZ'.charAt(index);
      return (await one.send({ user_code: letter.repeat(8) })).status;
    });
    const statuses = await Promise.all(tries);
    expect(statuses.filter((status) => status === 422)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
  });

  it('has five passwords on one code; then the code is denied', async () => {
    const codes = await begin();
    clock.advance(300_000);
    const browser = await new Browser().signIn(codes.user_code, 'ada', { password: 'wrong' });
    expect(browser).toMatchObject({ status: 401 });
    expect(browser.text).toContain('4 tries are left');
    const fields = { username: 'ada', password: 'wrong', confirmed: 'yes', action: 'continue' };
    for (const status of [401, 401, 401, 403]) {
      expect((await browser.send(fields)).status).toBe(status);
    }
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'access_denied' });
  });

  it('has no more by trying at the same moment', async () => {
    const codes = await begin();
    clock.advance(300_000);
    const browser = await new Browser().open('/device');
    await browser.send({ user_code: codes.user_code });
    const tries = Array.from({ length: 12 }, async () => {
      const one = new Browser();
      Object.assign(one, { cookie: browser.cookie, text: browser.text });
      const fields = { username: 'x', password: 'wrong', confirmed: 'yes', action: 'continue' };
      return (await one.send(fields)).status;
    });
    const statuses = await Promise.all(tries);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(5);
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'access_denied' });
  });

  it('is not let in with the right password once the tries are used up', async () => {
    const codes = await begin();
    const browser = await new Browser().open('/device');
    await browser.send({ user_code: codes.user_code });
    // Five others are being looked at in this moment.
    await db.updateTable('device_codes').set({ attempts: 5 }).execute();
    const fields = { username: 'ada', password: PASSWORD, confirmed: 'yes', action: 'continue' };
    expect((await browser.send(fields)).status).toBe(403);
    expect((await poll(codes.device_code)).body).toMatchObject({ error: 'access_denied' });
  });

  it('makes no endless number of codes', async () => {
    clock.advance(600_000);
    const ask = () => client.form('/api/v1/auth/device_authorization', { client_id: CLIENT_ID });
    let [answer, count] = [await ask(), 1];
    // A slow machine earns some more on the way.
    for (; answer.status === 200 && count < 100; count += 1) answer = await ask();
    expect(count).toBeGreaterThan(30);
    expect(answer).toMatchObject({ status: 429, body: { error: 'temporarily_unavailable' } });
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  });
});

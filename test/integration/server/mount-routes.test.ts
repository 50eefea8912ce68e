import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { adjustableClock } from '../../support/adjustable-clock.ts';
import { identityClient } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const CREDENTIALS = '/tenant/mount/credentials';
const matching = (form: RegExp): unknown => expect.stringMatching(form);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme', 'other'] });
});
afterAll(() => server.close());

interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

async function ask(
  method: string,
  path: string,
  options: { slug?: string; body?: string; type?: string } = {},
): Promise<Answer> {
  const response = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${server.apiKeyOf(options.slug ?? 'acme')}`,
      ...(options.type === undefined ? {} : { 'content-type': options.type }),
    },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
  };
}

const issue = (body?: unknown, slug?: string): Promise<Answer> =>
  ask('POST', CREDENTIALS, {
    ...(slug === undefined ? {} : { slug }),
    type: 'application/json',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

describe('GET /tenant/mount/info', () => {
  it('has exactly the four fields of SPEC-8', async () => {
    const { status, body } = await ask('GET', '/tenant/mount/info', { slug: 'other' });
    expect(status).toBe(200);
    expect(body).toEqual({
      tenant_id: matching(UUID),
      bucket_name: matching(/^cloud-other-[a-z2-7]{16}$/),
      has_credentials: false,
      credentials_created_at: null,
    });
  });

  it('knows the newest credential', async () => {
    const { body: issued } = await issue();
    const { body } = await ask('GET', '/tenant/mount/info');
    expect(body).toMatchObject({
      has_credentials: true,
      credentials_created_at: issued['created_at'],
    });
  });
});

it('tells a user and a key of the tenant at once that a bucket key is made, over or ended', async () => {
  const clock = adjustableClock();
  const own = await startTestServer({ tenants: ['acme', 'other'], clock });
  onTestFinished(() => own.close());
  const client = identityClient(own);
  await client.addUser('ada', 'member', { acme: 'editor', other: 'editor' });
  const { access_token: ada } = await client.login('ada', { tenant: 'acme' });
  const { access_token: abroad } = await client.login('ada', { tenant: 'other' });
  const newest = async () => {
    const infos = [ada, own.apiKeyOf('acme')].map((token) =>
      client.call('GET', '/tenant/mount/info', token),
    );
    const [one, two] = await Promise.all(infos);
    expect(one?.body).toEqual(two?.body);
    const { has_credentials: has, credentials_created_at: created } = one!.body;
    expect(has).toBe(created !== null);
    return created;
  };
  const make = async (token: string, json: unknown) => {
    clock.advance(1000);
    return (await client.call('POST', CREDENTIALS, token, json)).body;
  };
  expect(await newest()).toBeNull();
  const first = await make(ada, {});
  expect(await newest()).toBe(first['created_at']);
  const short = await make(ada, { expires_in: 60 });
  await make(abroad, {});
  expect(await newest()).toBe(short['created_at']);
  clock.advance(61_000);
  expect(await newest()).toBe(first['created_at']);
  await client.call('DELETE', `${CREDENTIALS}/${String(first['id'])}`, ada);
  expect(await newest()).toBeNull();
});

describe('POST /tenant/mount/credentials', () => {
  it('needs no body, and answers 201 with six fields of SPEC-8 and four of ours', async () => {
    const { status, headers, body } = await issue();
    expect(status).toBe(201);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      tenant_id: matching(UUID),
      bucket_name: matching(/^cloud-acme-/),
      access_key: matching(/^tid_/),
      secret_key: matching(/^tsec_/),
      endpoint_url: server.server.storageUrl,
      region: 'auto',
      id: matching(UUID),
      permission: 'rw',
      created_at: matching(/^\d{4}-\d\d-\d\dT.*Z$/),
      expires_at: null,
    });
  });

  it('gives each machine a key of its own and leaves the others alone', async () => {
    const [first, second] = await Promise.all([issue(), issue()]);
    expect(first.body['access_key']).not.toBe(second.body['access_key']);
    const { body } = await ask('GET', CREDENTIALS);
    const ids = (body['credentials'] as { id: string }[]).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([first.body['id'], second.body['id']]));
  });

  it('takes a description, a permission, a prefix and a life', async () => {
    const wish = { description: 'laptop', permission: 'ro', prefix: 'notes/', expires_in: 3600 };
    const { status, body } = await issue(wish);
    expect(status).toBe(201);
    expect(Date.parse(String(body['expires_at'])) - Date.now()).toBeGreaterThan(3_500_000);
    const list = await ask('GET', CREDENTIALS);
    expect(list.body['credentials']).toContainEqual({
      id: body['id'],
      access_key: body['access_key'],
      description: 'laptop',
      permission: 'ro',
      prefix: 'notes/',
      created_at: body['created_at'],
      confirmed_at: null,
      last_used_at: null,
      expires_at: body['expires_at'],
      source_ips: null,
      mine: true,
      replaces: null,
    });
  });

  it.each([
    [{ permission: 'all' }, 'permission'],
    [{ prefix: '/notes/' }, 'prefix'],
    [{ prefix: 'notes' }, 'prefix'],
    [{ prefix: 'a/../b/' }, 'prefix'],
    [{ prefix: 'a*/' }, 'prefix'],
    [{ prefix: '${aws:username}/' }, 'prefix'],
    [{ expires_in: 5 }, 'expires_in'],
    [{ expires_in: 1e9 }, 'expires_in'],
    [{ description: '' }, 'description'],
    [{ source_ips: [] }, 'source_ips'],
    [{ source_ips: '10.0.0.0/8' }, 'source_ips'],
    [{ source_ips: Array<string>(21).fill('10.0.0.0/8') }, 'source_ips'],
    [{ source_ips: ['10.0.0.0/8', '10.0.0.0/33'] }, 'source_ips.1'],
    [{ source_ips: ['10.0.0'] }, 'source_ips.0'],
    [{ source_ips: ['010.0.0.1'] }, 'source_ips.0'],
    [{ source_ips: ['10.0.0.0/8 '] }, 'source_ips.0'],
    [{ source_ips: ['10.0.0.0/'] }, 'source_ips.0'],
    [{ source_ips: ['10.0.0.0/8/8'] }, 'source_ips.0'],
    [{ source_ips: ['fe80::1%eth0'] }, 'source_ips.0'],
    [{ source_ips: ['2001:db8::/129'] }, 'source_ips.0'],
    [{ source_ips: ['localhost'] }, 'source_ips.0'],
    [{ source_ips: ['*'] }, 'source_ips.0'],
    [{ tenant_id: '00000000-0000-4000-8000-000000000000' }, 'tenant_id'],
  ])('refuses %j with 422, naming the field', async (wish, field) => {
    const { status, headers, body } = await issue(wish);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect({ status, code: body['code'], field: body['field'] }).toEqual({
      status: 422,
      code: 'invalid-field',
      field,
    });
  });

  it.each([
    ['not JSON', '{"a":', 'application/json', 400, 'malformed-request'],
    ['a prototype', '{"__proto__":{"x":1}}', 'application/json', 400, 'malformed-request'],
    ['another type', 'x=1', 'application/x-www-form-urlencoded', 415, 'media-type'],
    ['text', 'hello', 'text/plain', 415, 'media-type'],
    ['a list', '[]', 'application/json', 422, 'invalid-field'],
    ['too much', JSON.stringify('x'.repeat(70_000)), 'application/json', 413, 'body-too-large'],
  ])('refuses %s', async (_what, body, type, status, code) => {
    const answer = await ask('POST', CREDENTIALS, { body, type });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ status, code, type: `urn:cloud-cli:problem:${code}` });
  });
});

describe('GET /tenant/mount/credentials', () => {
  it('never has a secret, and is newest first', async () => {
    const issued = [await issue(), await issue()];
    const { body } = await ask('GET', CREDENTIALS);
    const text = JSON.stringify(body);
    for (const { body: one } of issued) expect(text).not.toContain(one['secret_key']);
    const times = (body['credentials'] as { created_at: string }[]).map((c) => c.created_at);
    expect(times).toEqual(times.toSorted().toReversed());
  });
});

describe('POST …/confirm', () => {
  it('notes the first use once and every later one as a heartbeat', async () => {
    const { body: issued } = await issue();
    const path = `${CREDENTIALS}/${String(issued['id'])}/confirm`;
    const seen = async (): Promise<Record<string, string>> => {
      const { body } = await ask('GET', CREDENTIALS);
      const all = body['credentials'] as Record<string, string>[];
      return all.find((each) => each['id'] === issued['id'])!;
    };
    expect((await ask('POST', path)).status).toBe(204);
    const first = await seen();
    expect(first['confirmed_at']).not.toBeNull();
    expect((await ask('POST', path)).status).toBe(204);
    const second = await seen();
    expect(second['confirmed_at']).toBe(first['confirmed_at']);
    expect(second['last_used_at']! >= first['last_used_at']!).toBe(true);
  });
});

describe('DELETE /tenant/mount/credentials/{cred_id}', () => {
  it('ends the key, and may be repeated', async () => {
    const { body: issued } = await issue();
    const path = `${CREDENTIALS}/${String(issued['id'])}`;
    expect((await ask('DELETE', path)).status).toBe(204);
    const { body } = await ask('GET', CREDENTIALS);
    expect(JSON.stringify(body)).not.toContain(issued['id']);
    expect((await ask('DELETE', path)).status).toBe(204);
    expect((await ask('POST', `${path}/confirm`)).status).toBe(404);
  });

  it.each(['DELETE', 'confirm'])('%s: a foreign and an unknown one look the same', async (what) => {
    const { body: foreign } = await issue(undefined, 'other');
    const on = (id: unknown): Promise<Answer> =>
      what === 'DELETE'
        ? ask('DELETE', `${CREDENTIALS}/${String(id)}`)
        : ask('POST', `${CREDENTIALS}/${String(id)}/confirm`);
    const answers = [
      await on(foreign['id']),
      await on('00000000-0000-4000-8000-000000000000'),
      await on('nonsense'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(answers[1]!.body).toEqual(answers[0]!.body);
    const { body } = await ask('GET', CREDENTIALS, { slug: 'other' });
    expect(JSON.stringify(body)).toContain(foreign['id']);
  });
});

describe('everything else', () => {
  it.each([
    ['GET', '/nowhere', 404, 'not-found'],
    ['GET', '/api/v2/auth/me', 404, 'not-found'],
    ['PUT', '/tenant/mount/info', 404, 'not-found'],
    ['GET', '/%E0%A4%A', 400, 'malformed-request'],
    ['DELETE', `${CREDENTIALS}/${'x'.repeat(200)}`, 414, 'address-too-long'],
  ])('%s %s is problem+json', async (method, path, status, code) => {
    const answer = await ask(method, path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.body['code']).toBe(code);
  });

  it('refuses headers that are too large', async () => {
    const response = await fetch(`${server.url}/version`, {
      headers: { 'x-large': 'x'.repeat(20_000) },
    });
    expect(response.status).toBe(431);
    expect(await response.json()).toMatchObject({ code: 'headers-too-large' });
  });

  it('says that it lives, is ready, and what it is', async () => {
    expect((await ask('GET', '/healthz')).body).toEqual({ status: 'ok' });
    expect((await ask('GET', '/readyz')).body).toEqual({ status: 'ready' });
    expect((await ask('GET', '/version')).body).toEqual({ name: 'cloud', version: '0.0.0-test' });
  });

  it('names the request in answer and log, and logs neither query nor headers', async () => {
    const response = await fetch(`${server.url}/tenant/mount/info?token=in-the-query`, {
      headers: {
        authorization: `Bearer ${server.apiKeyOf('acme')}`,
        'x-request-id': 'trace-4711',
        'x-other': 'in-a-header',
      },
    });
    expect(response.headers.get('x-request-id')).toBe('trace-4711');
    const line = server
      .logs()
      .split('\n')
      .find((each) => each.includes('trace-4711'));
    expect(JSON.parse(line!)).toMatchObject({ route: '/tenant/mount/info', tenant: 'acme' });
    expect(server.logs()).not.toMatch(/in-the-query|in-a-header/);
  });
});

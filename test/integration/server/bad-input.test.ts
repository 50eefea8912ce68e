import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENT_ID, REFRESH_TOKEN_GRANT } from '../../../src/api/contract/auth.ts';
import { identityClient, PASSWORD } from '../../support/identity.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
  await identityClient(server).addUser('ada', 'member', { acme: 'editor' });
});
afterAll(() => server.close());

const LOGIN = '/api/v1/auth/login';
const TOKEN = '/api/v1/auth/token';
const FORM = 'application/x-www-form-urlencoded';
const JSON_TYPE = 'application/json';

async function post(
  path: string,
  type: string,
  body: string,
  headers: Record<string, string> = {},
) {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': type, ...headers },
    body,
  });
  const answer = (await response.json()) as { code?: string; error?: string; field?: string };
  return { status: response.status, type: response.headers.get('content-type'), answer };
}

describe('what is not understood is refused, in the form of the endpoint', () => {
  const login = (more: string): string => `{"username":"ada","password":"${PASSWORD}"${more}}`;
  it.each<[string, string, string, string, number, string]>([
    [
      'JSON with a field twice',
      LOGIN,
      JSON_TYPE,
      login(',"username":"root"'),
      400,
      'duplicate-field',
    ],
    [
      'JSON with an unknown field',
      LOGIN,
      JSON_TYPE,
      login(',"role":"owner"'),
      422,
      'invalid-field',
    ],
    ['JSON that is none', LOGIN, JSON_TYPE, '{', 400, 'malformed-request'],
    [
      'JSON with a prototype',
      LOGIN,
      JSON_TYPE,
      login(',"__proto__":{"x":1}'),
      400,
      'malformed-request',
    ],
    [
      'a body that is too large',
      LOGIN,
      JSON_TYPE,
      login(`,"x":"${'x'.repeat(70_000)}"`),
      413,
      'body-too-large',
    ],
    ['a form where JSON is spoken', LOGIN, FORM, 'username=ada', 415, 'media-type'],
    ['JSON where forms are spoken', TOKEN, JSON_TYPE, '{}', 415, 'invalid_request'],
    ['a form that is too large', TOKEN, FORM, `x=${'x'.repeat(70_000)}`, 413, 'invalid_request'],
    [
      'a parameter twice',
      TOKEN,
      FORM,
      `grant_type=${REFRESH_TOKEN_GRANT}&refresh_token=a&refresh_token=b`,
      400,
      'invalid_request',
    ],
    [
      'a device code twice',
      '/api/v1/auth/device_authorization',
      FORM,
      `client_id=${CLIENT_ID}&client_id=${CLIENT_ID}`,
      400,
      'invalid_request',
    ],
    ['a type of its own', '/api/v1/auth/revoke', 'text/plain', 'token=x', 415, 'invalid_request'],
  ])('%s', async (_what, path, type, body, status, code) => {
    const { status: got, type: gotType, answer } = await post(path, type, body);
    expect({ status: got, code: answer.code ?? answer.error }).toEqual({ status, code });
    expect(gotType).toContain(path === LOGIN ? 'application/problem+json' : 'application/json');
  });

  it('headers that are too large', async () => {
    const { status, answer } = await post(LOGIN, JSON_TYPE, '{}', {
      'x-large': 'x'.repeat(20_000),
    });
    expect({ status, code: answer.code }).toEqual({ status: 431, code: 'headers-too-large' });
  });

  it('shows no password in a log or an answer', async () => {
    const secret = 'a password nobody should see';
    for (const body of [`{"username":"ada","password":"${secret}"}`, `{"password":"${secret}"}`]) {
      expect(JSON.stringify(await post(LOGIN, JSON_TYPE, body))).not.toContain(secret);
    }
    await post(
      TOKEN,
      FORM,
      `grant_type=password&username=ada&password=${encodeURIComponent(secret)}`,
    );
    expect(server.logs()).not.toMatch(/nobody should see|nobody%20should/);
  });
});

describe('who stands behind a proxy', () => {
  const wrong = (address: string, target: TestServer) =>
    fetch(target.url + LOGIN, {
      method: 'POST',
      headers: { 'content-type': JSON_TYPE, 'x-forwarded-for': address },
      body: JSON.stringify({ username: crypto.randomUUID(), password: 'x' }),
    }).then(({ status }) => status);

  it('is not believed about its address without a trusted proxy, and is with one', async () => {
    await using trusting = await startTestServer({
      env: { CLOUD_SERVER_TRUSTED_PROXIES: '127.0.0.0/8, ::1' },
    });
    const until = async (target: TestServer): Promise<number> => {
      let count = 0;
      while (count < 45 && (await wrong(`192.0.2.${count + 1}`, target)) === 401) count += 1;
      return count;
    };
    // A slow machine earns some more on the way.
    const refusedAfter = await until(server);
    expect(refusedAfter).toBeGreaterThanOrEqual(29);
    expect(refusedAfter).toBeLessThan(45);
    expect(await until(trusting)).toBe(45);
  });
});

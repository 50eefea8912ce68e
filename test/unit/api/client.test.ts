import { HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { Problem } from '../../../src/api/contract/problem.ts';
import { answer, on } from '../../support/contract-handlers.ts';

const SERVER = 'https://cloud.example/base';
const TENANT = '434252dd-d83b-4b20-bf70-8a950ff875c4';
const wire = setupServer();

beforeAll(() => wire.listen({ onUnhandledFrame: 'error' }));
afterEach(() => wire.resetHandlers());
afterAll(() => wire.close());

const client = () =>
  createApiClient({ server: `${SERVER}/`, token: () => Promise.resolve('the-token') });

function problem(status: number, code: string, more: Partial<Problem> = {}) {
  const body = { type: `urn:cloud:${code}`, title: code, status, code, ...more };
  return HttpResponse.json(Problem.parse(body), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  });
}

describe('the typed client', () => {
  test("asks SPEC-8's route below the base path, with the token, and parses its answer", async () => {
    const info = {
      tenant_id: TENANT,
      bucket_name: 'basic-memory-434252dd',
      has_credentials: true,
      credentials_created_at: '2025-09-22T16:48:50.414694',
    };
    let authorization: string | null = null;
    wire.use(
      answer(SERVER, 'GET /tenant/mount/info', info, (request) => {
        authorization = request.headers.get('authorization');
      }),
    );
    expect(await client().mountInfo()).toEqual(info);
    expect(authorization).toBe('Bearer the-token');
  });

  test('an API key is exchanged as a form, and never sent in a URL or a header', async () => {
    const token = {
      access_token: 'jwt',
      token_type: 'Bearer' as const,
      expires_in: 600,
      scope: 'mount',
    };
    const sent: { url: string; authorization: string | null; form: string }[] = [];
    wire.use(
      answer(SERVER, 'POST /api/v1/auth/token', token, async (request) => {
        const authorization = request.headers.get('authorization');
        sent.push({ url: request.url, authorization, form: await request.text() });
      }),
    );
    expect(await client().exchangeApiKey('cloud_key_x')).toEqual(token);
    expect(sent).toMatchObject([{ url: `${SERVER}/api/v1/auth/token`, authorization: null }]);
    expect(new URLSearchParams(sent[0]?.form).get('api_key')).toBe('cloud_key_x');
  });

  test.each([
    [problem(401, 'unauthenticated'), 'unauthenticated', 4],
    [problem(403, 'tenant-denied', { detail: 'The tenant is denied.' }), 'tenant-denied', 4],
    [problem(409, 'limit-reached'), 'limit-reached', 1],
    [problem(422, 'invalid', { field: 'prefix' }), 'invalid', 1],
    [problem(500, 'credential-generation-failed'), 'credential-generation-failed', 5],
    [HttpResponse.json({ error: 'invalid_grant' }, { status: 400 }), 'invalid_grant', 4],
    [HttpResponse.text('<h1>Sign in to the network</h1>'), 'not-our-server', 5],
    [problem(404, 'not-found'), 'not-our-server', 5],
    [HttpResponse.text('', { status: 502 }), 'not-our-server', 5],
    [HttpResponse.text('who are you', { status: 403 }), 'not-our-server', 4],
    [HttpResponse.json({ tenant_id: 'not a uuid' }, { status: 201 }), 'not-our-server', 5],
    [HttpResponse.redirect('https://elsewhere.example/', 302), 'not-our-server', 5],
  ])('answer %# becomes %s with exit code %i', async (response, code, exitCode) => {
    wire.use(on(SERVER, 'POST /tenant/mount/credentials', () => response.clone()));
    const call = client().createMountCredential({ description: 'test' });
    await expect(call).rejects.toMatchObject({ code, exitCode });
  });

  test('what the server said is what a person reads, with the field', async () => {
    wire.use(
      on(SERVER, 'POST /tenant/mount/credentials', () =>
        problem(422, 'invalid', { detail: 'The prefix must end with /.', field: 'prefix' }),
      ),
    );
    await expect(client().createMountCredential({ prefix: 'x' })).rejects.toMatchObject({
      message: 'The prefix must end with /.',
      details: { status: 422, field: 'prefix' },
    });
  });

  test('a read is tried again after a passing fault, an issuance never is', async () => {
    let reads = 0;
    let issued = 0;
    wire.use(
      on(SERVER, 'GET /version', () => {
        reads += 1;
        return reads === 1
          ? problem(503, 'unavailable')
          : HttpResponse.json({ name: 'cloud', version: '1.2.3' });
      }),
      on(SERVER, 'POST /tenant/mount/credentials', () => {
        issued += 1;
        return problem(503, 'unavailable');
      }),
    );
    expect(await client().version()).toMatchObject({ version: '1.2.3' });
    expect(reads).toBe(2);
    await expect(client().createMountCredential({})).rejects.toMatchObject({ exitCode: 5 });
    expect(issued).toBe(1);
  });

  test('a cut connection is unreachable', async () => {
    wire.use(on(SERVER, 'POST /tenant/mount/credentials', () => HttpResponse.error()));
    await expect(client().createMountCredential({})).rejects.toMatchObject({
      code: 'server-unreachable',
      exitCode: 5,
    });
  });

  test('without a token nothing is sent', async () => {
    await expect(createApiClient({ server: SERVER }).me()).rejects.toMatchObject({
      code: 'not-signed-in',
      exitCode: 4,
    });
  });

  test('an interrupt ends a request that hangs', async () => {
    wire.use(on(SERVER, 'GET /api/v1/auth/me', () => new Promise<Response>(() => undefined)));
    const abort = new AbortController();
    const call = createApiClient({
      server: SERVER,
      token: () => {
        setImmediate(() => abort.abort(new Error('interrupted')));
        return Promise.resolve('t');
      },
      signal: abort.signal,
    }).me();
    await expect(call).rejects.toThrow('interrupted');
  });
});

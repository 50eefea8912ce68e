import fc from 'fast-check';
import { http, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { createApiClient, type ApiClient } from '../../../src/api/client.ts';
import { AbandonedState, PurgePlan, PurgeState } from '../../../src/api/contract/admin.ts';
import { ROUTES, type RouteAnswers } from '../../../src/api/contract/routes.ts';
import { describeApi, type KnownRoute } from '../../../src/server/openapi.ts';
import { arbitraryOf, type JsonSchema } from '../../support/arbitrary-of.ts';
import { checkRequest } from '../../support/checked-request.ts';
import { startTestServer } from '../../support/server.ts';

const BASE = 'https://cloud.example/base';
const wire = setupServer();
// What it is called with are the routes with the very schemas that the server validates with.
vi.mock(import('../../../src/server/openapi.ts'), { spy: true });
let routes: readonly KnownRoute[];
beforeAll(async () => {
  await using server = await startTestServer();
  await fetch(`${server.url}/openapi.json`);
  [routes] = vi.mocked(describeApi).mock.lastCall!;
  wire.listen({ onUnhandledFrame: 'error' });
});
afterAll(() => wire.close());

type Route = keyof RouteAnswers;
interface Use<M extends keyof ApiClient> {
  route: Route;
  args: Parameters<ApiClient[M]>;
  /** Of several kinds of answers, the one that this call gets. */
  answer?: z.core.$ZodType;
}

/** What a person typed as an id stays one part of the path. */
const ID = 'a/b?c=d&e#f ü%2e';
const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';
const AT = '2026-01-01T00:00:00.000Z';
const MEMBERS = '/api/v1/admin/tenants/:tenant/members';

/** Every call of the client, with all that it can be given; a new one does not compile unless it is here. */
const USES: { [M in keyof ApiClient]: Use<M> } = {
  version: { route: 'GET /version', args: [] },
  exchangeApiKey: { route: 'POST /api/v1/auth/token', args: ['key'] },
  refresh: { route: 'POST /api/v1/auth/token', args: ['token'] },
  authorizeDevice: {
    route: 'POST /api/v1/auth/device_authorization',
    args: [{ scope: 'mount', tenant: 'acme', device_name: 'd', device_system: 's' }],
  },
  deviceToken: { route: 'POST /api/v1/auth/token', args: ['code'] },
  login: {
    route: 'POST /api/v1/auth/login',
    args: [
      {
        ...{ username: 'ada', password: 'p', tenant: 'acme', scope: 'mount' },
        ...{ device_name: 'd', device_system: 's' },
      },
    ],
  },
  signInMetadata: { route: 'GET /.well-known/oauth-authorization-server', args: [] },
  exchangeIdToken: {
    route: 'POST /api/v1/auth/token',
    args: [{ idToken: 't', tenant: 'acme', scope: 's', device_name: 'd', device_system: 's' }],
  },
  revokeToken: { route: 'POST /api/v1/auth/revoke', args: ['token'] },
  me: { route: 'GET /api/v1/auth/me', args: [] },
  listSessions: { route: 'GET /api/v1/auth/sessions', args: [] },
  revokeSession: { route: 'DELETE /api/v1/auth/sessions/:id', args: [ID] },
  revokeSessions: { route: 'DELETE /api/v1/auth/sessions', args: ['others'] },
  listApiKeys: { route: 'GET /api/v1/api-keys', args: [] },
  createApiKey: {
    route: 'POST /api/v1/api-keys',
    args: [{ label: 'ci', scopes: ['mount'], tenant: 'acme', expires_in: 3600 }],
  },
  rotateApiKey: {
    route: 'POST /api/v1/api-keys/:id/rotate',
    args: [ID, { overlap: 60, expires_in: 3600 }],
  },
  revokeApiKey: { route: 'DELETE /api/v1/api-keys/:id', args: [ID] },
  mountInfo: { route: 'GET /tenant/mount/info', args: [] },
  createMountCredential: {
    route: 'POST /tenant/mount/credentials',
    args: [{ description: 'd', permission: 'ro', prefix: 'notes/', expires_in: 60 }],
  },
  listMountCredentials: { route: 'GET /tenant/mount/credentials', args: [] },
  rotateMountCredential: {
    route: 'POST /tenant/mount/credentials/:cred_id/rotate',
    args: [ID],
  },
  revokeMountCredential: { route: 'DELETE /tenant/mount/credentials/:cred_id', args: [ID] },
  confirmMountCredential: {
    route: 'POST /tenant/mount/credentials/:cred_id/confirm',
    args: [ID],
  },
  createSnapshot: { route: 'POST /tenant/snapshots', args: [{ name: 'before' }] },
  listSnapshots: { route: 'GET /tenant/snapshots', args: [] },
  listVersions: { route: 'GET /tenant/versions', args: [ID] },
  announceSync: {
    route: 'POST /tenant/sync',
    args: [
      { origin: 'o', changes: [{ key: ID, change: 'rename', from: 'x', etag: 'e', size: 1 }] },
    ],
  },
  listJobs: { route: 'GET /api/v1/admin/jobs', args: [] },
  runJob: { route: 'POST /api/v1/admin/jobs/:name/run', args: [ID, { dry_run: true }] },
  listSigningKeys: { route: 'GET /api/v1/admin/signing-keys', args: [] },
  rotateSigningKeys: {
    route: 'POST /api/v1/admin/signing-keys/rotate',
    args: [{ compromised: true }],
  },
  addIssuer: {
    route: 'POST /api/v1/admin/issuers',
    args: [
      {
        ...{ name: 'corp', url: 'https://id.example', client_id: 'c', scope: 'openid' },
        ...{ audience: 'a', algorithms: ['ES256'], clock_skew: 5, tenant_claim: 't' },
        ...{ member_role: 'viewer', create_users: true, session_days: 7 },
      },
    ],
  },
  listIssuers: { route: 'GET /api/v1/admin/issuers', args: [] },
  showIssuer: { route: 'GET /api/v1/admin/issuers/:id', args: [ID] },
  removeIssuer: { route: 'DELETE /api/v1/admin/issuers/:id', args: [ID] },
  listIdentities: { route: 'GET /api/v1/admin/issuers/:id/identities', args: [ID] },
  linkIdentity: {
    route: 'POST /api/v1/admin/issuers/:id/identities',
    args: [ID, { subject: 's', user: 'ada' }],
  },
  unlinkIdentity: {
    route: 'DELETE /api/v1/admin/issuers/:id/identities/:subject',
    args: [ID, ID],
  },
  createUser: {
    route: 'POST /api/v1/admin/users',
    args: [
      {
        ...{ username: 'ada', display_name: 'Ada', email: 'ada@example.org', role: 'admin' },
        password: 'correct horse battery staple',
      },
    ],
  },
  listUsers: {
    route: 'GET /api/v1/admin/users',
    args: [{ limit: 2, role: 'member', status: 'active', tenant: 'acme' }],
  },
  showUser: { route: 'GET /api/v1/admin/users/:id', args: [ID] },
  changeUser: {
    route: 'PATCH /api/v1/admin/users/:id',
    args: [ID, { display_name: null, email: null, role: 'owner' }],
  },
  deactivateUser: { route: 'POST /api/v1/admin/users/:id/deactivate', args: [ID] },
  activateUser: { route: 'POST /api/v1/admin/users/:id/activate', args: [ID] },
  resetPassword: {
    route: 'POST /api/v1/admin/users/:id/reset-password',
    args: [ID, { password: 'correct horse battery staple' }],
  },
  addMember: { route: `POST ${MEMBERS}`, args: [ID, { user: 'ada', role: 'editor' }] },
  listMembers: { route: `GET ${MEMBERS}`, args: [ID] },
  changeMember: { route: `PATCH ${MEMBERS}/:user`, args: [ID, ID, { role: 'viewer' }] },
  removeMember: { route: `DELETE ${MEMBERS}/:user`, args: [ID, ID] },
  createTenant: {
    route: 'POST /api/v1/admin/tenants',
    args: [
      {
        ...{ slug: 'acme', name: 'Acme', issue_api_key: true, region: 'fra' },
        sync_url: 'https://sync.example/hook',
      },
    ],
  },
  listTenants: { route: 'GET /api/v1/admin/tenants', args: [] },
  showTenant: { route: 'GET /api/v1/admin/tenants/:tenant', args: [ID] },
  changeTenant: {
    route: 'PATCH /api/v1/admin/tenants/:tenant',
    args: [
      ID,
      {
        ...{ name: 'Acme', slug: 'acme', sync_url: null },
        limits: { mount_credentials: 1, mount_credentials_per_user: null, tokens: 2 },
      },
    ],
  },
  setTenantPolicy: {
    route: 'PUT /api/v1/admin/tenants/:tenant/policy',
    args: [ID, { policy: 'denied', reason: 'unpaid' }],
  },
  removeTenant: { route: 'DELETE /api/v1/admin/tenants/:tenant', args: [ID] },
  restoreTenant: { route: 'POST /api/v1/admin/tenants/:tenant/restore', args: [ID] },
  planPurge: {
    route: 'POST /api/v1/admin/tenants/:tenant/purge',
    args: [ID],
    answer: PurgePlan,
  },
  purgeTenant: {
    route: 'POST /api/v1/admin/tenants/:tenant/purge',
    args: [ID, 'acme'],
    answer: PurgeState,
  },
  planAbandon: {
    route: 'POST /api/v1/admin/tenants/:tenant/abandon',
    args: [ID],
    answer: AbandonedState,
  },
  abandonDeletion: {
    route: 'POST /api/v1/admin/tenants/:tenant/abandon',
    args: [ID, 'acme'],
    answer: AbandonedState,
  },
  findDrift: { route: 'GET /api/v1/admin/drift', args: ['acme'] },
  fixDrift: { route: 'POST /api/v1/admin/drift', args: ['acme', true] },
  createAdminToken: {
    route: 'POST /api/v1/admin/tokens',
    args: [{ label: 'ci', tenant: 'acme', scopes: ['mount'], expires_in: 3600 }],
  },
  listAdminTokens: {
    route: 'GET /api/v1/admin/tokens',
    args: [{ tenant: 'acme', ended: true }],
  },
  rotateAdminToken: {
    route: 'POST /api/v1/admin/tokens/:id/rotate',
    args: [ID, { overlap: 60, expires_in: 3600 }],
  },
  revokeAdminToken: { route: 'DELETE /api/v1/admin/tokens/:id', args: [ID] },
  listAuditEvents: {
    route: 'GET /api/v1/admin/audit-events',
    args: [
      {
        ...{ limit: 2, after: 7, order: 'desc', since: AT, until: AT },
        ...{ tenant: 'acme', actor: `user:${UUID}`, type: 'TenantCreatedEvent' },
      },
    ],
  },
  allAuditEvents: { route: 'GET /api/v1/admin/audit-events', args: [{ limit: 2 }] },
  verifyAuditTrail: { route: 'GET /api/v1/admin/audit-events/verify', args: [] },
};

/** Answers that the contract allows, as they come over the wire. */
function answersOf({ route, answer }: Use<keyof ApiClient>): unknown[] {
  const schema = answer ?? ROUTES[route]?.answer;
  if (schema === undefined) return [undefined];
  const values = arbitraryOf(z.toJSONSchema(schema, { io: 'input' }) as JsonSchema)
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
    .filter((value) => z.safeParse(schema, value).success);
  return fc.sample(values, { seed: 1, numRuns: 4 });
}

async function resultOf(method: keyof ApiClient): Promise<unknown> {
  const client = createApiClient({ server: BASE, token: () => Promise.resolve('t') });
  const call = client[method] as (...args: unknown[]) => unknown;
  const result = await call(...USES[method].args);
  if (method !== 'allAuditEvents') return result;
  const events: unknown[] = [];
  for await (const event of result as ReturnType<typeof client.allAuditEvents>) events.push(event);
  return events;
}

/** Lists in pages come together; calls that only do something answer nothing. */
function expected(pages: readonly unknown[], result: unknown): unknown {
  if (result === undefined) return undefined;
  if (!Array.isArray(result)) return pages[0];
  const lists = pages.flatMap((page) => Object.values(page as Record<string, unknown>));
  return lists.filter((value): value is unknown[] => Array.isArray(value)).flat();
}

const methods = Object.keys(USES) as (keyof ApiClient)[];
it.each(methods)('%s asks its route what it takes, and reads all it answers', async (method) => {
  const use: Use<keyof ApiClient> = USES[method];
  const contract = ROUTES[use.route];
  for (const value of answersOf(use)) {
    const paged = typeof value === 'object' && value !== null && 'next' in value;
    const pages = paged
      ? [
          { ...value, next: '7' },
          { ...value, next: null },
        ]
      : [value];
    const asked: unknown[] = [];
    wire.resetHandlers(
      http.all(`${BASE}/*`, async ({ request }) => {
        const page = pages[asked.length];
        const path = new URL(request.url).pathname.slice('/base'.length);
        asked.push(await checkRequest(routes, path, request));
        return contract?.answer === undefined
          ? new HttpResponse(null, { status: contract?.status ?? 500 })
          : HttpResponse.json(page as object, { status: contract.status });
      }),
    );
    const result = await resultOf(method);
    const all = Array.isArray(result) ? pages : pages.slice(0, 1);
    expect(asked).toEqual(all.map(() => ({ route: use.route, faults: [] })));
    expect(result).toEqual(expected(all, result));
    if (method !== 'revokeToken') expect(result === undefined).toBe(value === undefined);
  }
});

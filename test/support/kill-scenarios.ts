import { createApiClient, type ApiClient } from '../../src/api/client.ts';
import type { MountCredentialWithSecret } from '../../src/api/contract/mount.ts';
import { toBucketAccess } from '../../src/session/open.ts';
import { objectsOf } from './devices.ts';
import type { TestServer } from './server.ts';

/** What was there before the server began what it was killed at. */
export interface Before {
  apiKey: string;
  credentials: MountCredentialWithSecret[];
}

/** One thing that a server is asked to do, and everything of it that outlives the process, in order. */
export interface Scenario {
  steps: readonly string[];
  prepare?: (clients: Clients, before: Before) => Promise<void>;
  act: (clients: Clients, before: Before) => Promise<unknown>;
}

export interface Clients {
  admin: ApiClient;
  acme: ApiClient;
}

const ISSUE = [
  ...['commit provisioning_intents', 'createPolicy', 'createAccessKey', 'attachPolicy'],
  'commit provisioning_intents + tenant_mount_credentials',
];
const REVOKE = [
  ...['commit tenant_mount_credentials', 'commit tenant_events'],
  ...['deleteAccessKey', 'deletePolicy', 'commit tenant_mount_credentials'],
];
const SET_KEY = [
  ...['commit tenant_mount_credentials', 'setAccessKeyActive', 'commit tenant_mount_credentials'],
];

export const SCENARIOS = {
  'issues a key': {
    steps: ISSUE,
    act: ({ acme }) => acme.createMountCredential({}),
  },
  'revokes a key': {
    steps: REVOKE,
    prepare: issueOne,
    act: ({ acme }, { credentials: [key] }) => acme.revokeMountCredential(key!.id),
  },
  'replaces a key whose successor nobody took': {
    steps: [...REVOKE, ...ISSUE],
    prepare: async (clients, before) => {
      await issueOne(clients, before);
      await clients.acme.rotateMountCredential(before.credentials[0]!.id);
    },
    act: ({ acme }, { credentials: [key] }) => acme.rotateMountCredential(key!.id),
  },
  'adds a tenant': {
    steps: [
      ...['commit provisioning_intents', 'createBucket', 'setNotifications'],
      'commit provisioning_intents + tenant_policies + tenants',
    ],
    act: ({ admin }) =>
      admin.createTenant({ slug: 'newcomer', name: 'Newcomer', issue_api_key: true }),
  },
  'denies a tenant': {
    steps: ['commit tenant_policies', 'commit tenant_events', ...SET_KEY],
    prepare: issueOne,
    act: ({ admin }) => admin.setTenantPolicy('acme', { policy: 'denied' }),
  },
  'allows a tenant again': {
    steps: ['commit tenant_policies', ...SET_KEY, 'commit tenant_events'],
    prepare: async (clients, before) => {
      await issueOne(clients, before);
      await clients.admin.setTenantPolicy('acme', { policy: 'denied' });
    },
    act: ({ admin }) => admin.setTenantPolicy('acme', { policy: 'allowed' }),
  },
  'purges a tenant': {
    steps: [
      ...['commit tenant_mount_credentials + tenants', 'commit tenant_events'],
      ...['deleteAccessKey', 'deletePolicy', 'commit tenant_mount_credentials', 'destroyBucket'],
      'commit device_codes + memberships + sessions + tenant_events + tenant_mount_credentials + tenant_policies + tenant_slug_history + tenants',
    ],
    prepare: async (clients, before) => {
      await issueOne(clients, before);
      await objectsIn(before.credentials[0]!).put('a/b.md', 'text');
    },
    act: ({ admin }) => admin.purgeTenant('acme', 'acme'),
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

async function issueOne({ acme }: Clients, { credentials }: Before): Promise<void> {
  credentials.push(await acme.createMountCredential({}));
}

/** The bucket, with this key. */
export function objectsIn(key: MountCredentialWithSecret) {
  const tenant = { id: key.tenant_id, slug: 'acme' };
  return objectsOf(toBucketAccess({ name: 'test', server: '', tenant } as never, key));
}

export function clientsOf(server: TestServer, apiKey: string): Clients {
  const clientOf = (token: string) =>
    createApiClient({ server: server.url, token: () => Promise.resolve(token) });
  return { admin: clientOf(server.adminToken), acme: clientOf(apiKey) };
}

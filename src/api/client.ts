import {
  ApiKeyList,
  ApiKeyWithSecret,
  type CreateApiKey,
  type RotateApiKey,
} from './contract/api-keys.ts';
import {
  API_KEY_GRANT,
  AuthorizationServer,
  AuthSessionList,
  CLIENT_ID,
  DEVICE_CODE_GRANT,
  DeviceAuthorization,
  ID_TOKEN_TYPE,
  Me,
  REFRESH_TOKEN_GRANT,
  TOKEN_EXCHANGE_GRANT,
  TokenResponse,
  type DeviceAuthorizationRequest,
  type LoginRequest,
  type TokenExchange,
} from './contract/auth.ts';
import type { SyncNotice } from './contract/events.ts';
import {
  Identity,
  IdentityList,
  Issuer,
  IssuerList,
  type AddIssuer,
  type LinkIdentity,
} from './contract/issuers.ts';
import {
  MountCredentialList,
  MountCredentialWithSecret,
  MountInfo,
  type RotateMountCredential,
  type CreateMountCredential,
} from './contract/mount.ts';
import { JobList, JobRun, type RunJob } from './contract/jobs.ts';
import { ServerVersion } from './contract/server.ts';
import { SigningKeyList, type RotateSigningKeys } from './contract/signing-keys.ts';
import {
  ObjectVersionList,
  Snapshot,
  SnapshotList,
  type CreateSnapshot,
} from './contract/snapshots.ts';
import { auditCalls, type AuditCalls } from './audit.ts';
import { hearLatestVersion } from './latest-version.ts';
import { peopleCalls, type PeopleCalls } from './people.ts';
import { openRequests, pathPart, type ApiClientOptions, type Call } from './request.ts';
import { tenantCalls, type TenantCalls } from './tenant-calls.ts';

export type { ApiClientOptions } from './request.ts';

/** The server's routes as typed calls. Every failure is an `AbortError` with an exit code. */
export interface ApiClient extends PeopleCalls, TenantCalls, AuditCalls {
  version(): Promise<ServerVersion>;
  exchangeApiKey(apiKey: string): Promise<TokenResponse>;
  refresh(refreshToken: string): Promise<TokenResponse>;
  authorizeDevice(
    form: Omit<DeviceAuthorizationRequest, 'client_id'>,
  ): Promise<DeviceAuthorization>;
  /** Until a person has decided: AbortError `authorization_pending` or `slow_down`. */
  deviceToken(deviceCode: string): Promise<TokenResponse>;
  login(body: LoginRequest): Promise<TokenResponse>;
  /** What the server says of signing in to it. */
  signInMetadata(): Promise<AuthorizationServer>;
  exchangeIdToken(
    form: Pick<TokenExchange, 'tenant' | 'scope' | 'device_name' | 'device_system'> & {
      idToken: string;
    },
  ): Promise<TokenResponse>;
  /** Ends the session of a refresh token; nothing is wrong with one that is unknown. */
  revokeToken(token: string): Promise<void>;
  me(): Promise<Me>;
  listSessions(): Promise<AuthSessionList>;
  revokeSession(id: string): Promise<void>;
  revokeSessions(which: 'all' | 'others'): Promise<void>;
  listApiKeys(): Promise<ApiKeyList>;
  createApiKey(body: CreateApiKey): Promise<ApiKeyWithSecret>;
  rotateApiKey(id: string, body: RotateApiKey): Promise<ApiKeyWithSecret>;
  revokeApiKey(id: string): Promise<void>;
  mountInfo(): Promise<MountInfo>;
  createMountCredential(body: CreateMountCredential): Promise<MountCredentialWithSecret>;
  listMountCredentials(): Promise<MountCredentialList>;
  rotateMountCredential(
    id: string,
    body?: RotateMountCredential,
  ): Promise<MountCredentialWithSecret>;
  revokeMountCredential(id: string): Promise<void>;
  confirmMountCredential(id: string): Promise<void>;
  /** Gives the present state of the bucket a name. AbortError `no-snapshots` where none is kept. */
  createSnapshot(body: CreateSnapshot): Promise<Snapshot>;
  listSnapshots(): Promise<SnapshotList>;
  /** What the bucket keeps of one object, newest first. AbortError as `createSnapshot`. */
  listVersions(path: string): Promise<ObjectVersionList>;
  /** Tells other clients of what was uploaded, for a storage that does not notify by itself. */
  announceSync(notice: SyncNotice): Promise<void>;
  listJobs(): Promise<JobList>;
  /** Answers when the job is done. */
  runJob(name: string, body: RunJob): Promise<JobRun>;
  listSigningKeys(): Promise<SigningKeyList>;
  rotateSigningKeys(body: RotateSigningKeys): Promise<SigningKeyList>;
  addIssuer(body: AddIssuer): Promise<Issuer>;
  listIssuers(): Promise<IssuerList>;
  showIssuer(ref: string): Promise<Issuer>;
  removeIssuer(ref: string): Promise<void>;
  listIdentities(issuer: string): Promise<IdentityList>;
  linkIdentity(issuer: string, body: LinkIdentity): Promise<Identity>;
  unlinkIdentity(issuer: string, subject: string): Promise<void>;
}

export function createApiClient(options: ApiClientOptions): ApiClient {
  const call = openRequests({ onAnswer: hearLatestVersion, ...options });
  const nothing = async (request: Call<unknown>): Promise<void> => {
    await call(request);
  };
  const token = (form: Record<string, string>): Promise<TokenResponse> =>
    call({
      method: 'POST',
      path: 'api/v1/auth/token',
      form,
      answer: TokenResponse,
      anonymous: true,
    });
  const auth = 'api/v1/auth';
  const apiKeys = 'api/v1/api-keys';
  const credentials = 'tenant/mount/credentials';
  const issuers = 'api/v1/admin/issuers';
  return {
    ...peopleCalls(call),
    ...auditCalls(call),
    version: () => call({ method: 'GET', path: 'version', answer: ServerVersion, anonymous: true }),
    exchangeApiKey: (apiKey) => token({ grant_type: API_KEY_GRANT, api_key: apiKey }),
    refresh: (refreshToken) =>
      token({ grant_type: REFRESH_TOKEN_GRANT, refresh_token: refreshToken }),
    authorizeDevice: (form) =>
      call({
        method: 'POST',
        path: `${auth}/device_authorization`,
        form: { ...present(form), client_id: CLIENT_ID },
        answer: DeviceAuthorization,
        anonymous: true,
      }),
    deviceToken: (deviceCode) =>
      token({ grant_type: DEVICE_CODE_GRANT, device_code: deviceCode, client_id: CLIENT_ID }),
    login: (json) =>
      call({
        method: 'POST',
        path: `${auth}/login`,
        json,
        answer: TokenResponse,
        anonymous: true,
      }),
    signInMetadata: () =>
      call({
        method: 'GET',
        path: '.well-known/oauth-authorization-server',
        answer: AuthorizationServer,
        anonymous: true,
      }),
    exchangeIdToken: ({ idToken, ...form }) =>
      token({
        ...present(form),
        grant_type: TOKEN_EXCHANGE_GRANT,
        subject_token: idToken,
        subject_token_type: ID_TOKEN_TYPE,
        client_id: CLIENT_ID,
      }),
    revokeToken: (secret) =>
      nothing({
        method: 'POST',
        path: `${auth}/revoke`,
        form: { token: secret },
        anonymous: true,
      }),
    me: () => call({ method: 'GET', path: `${auth}/me`, answer: Me }),
    listSessions: () => call({ method: 'GET', path: `${auth}/sessions`, answer: AuthSessionList }),
    revokeSession: (id) => nothing({ method: 'DELETE', path: `${auth}/sessions/${pathPart(id)}` }),
    revokeSessions: (which) =>
      nothing({
        method: 'DELETE',
        path: which === 'all' ? `${auth}/sessions` : `${auth}/sessions?keep=current`,
      }),
    listApiKeys: () => call({ method: 'GET', path: apiKeys, answer: ApiKeyList }),
    createApiKey: (json) => call({ method: 'POST', path: apiKeys, json, answer: ApiKeyWithSecret }),
    rotateApiKey: (id, json) =>
      call({
        method: 'POST',
        path: `${apiKeys}/${pathPart(id)}/rotate`,
        json,
        answer: ApiKeyWithSecret,
        mayBeGone: true,
      }),
    revokeApiKey: (id) => nothing({ method: 'DELETE', path: `${apiKeys}/${pathPart(id)}` }),
    mountInfo: () => call({ method: 'GET', path: 'tenant/mount/info', answer: MountInfo }),
    createMountCredential: (json) =>
      call({ method: 'POST', path: credentials, json, answer: MountCredentialWithSecret }),
    listMountCredentials: () =>
      call({ method: 'GET', path: credentials, answer: MountCredentialList }),
    rotateMountCredential: (id, json = {}) =>
      call({
        method: 'POST',
        path: `${credentials}/${pathPart(id)}/rotate`,
        json,
        answer: MountCredentialWithSecret,
        mayBeGone: true,
      }),
    revokeMountCredential: (id) =>
      nothing({ method: 'DELETE', path: `${credentials}/${pathPart(id)}` }),
    confirmMountCredential: (id) =>
      nothing({ method: 'POST', path: `${credentials}/${pathPart(id)}/confirm` }),
    createSnapshot: (json) =>
      call({ method: 'POST', path: 'tenant/snapshots', json, answer: Snapshot }),
    listSnapshots: () => call({ method: 'GET', path: 'tenant/snapshots', answer: SnapshotList }),
    listVersions: (path) =>
      call({
        method: 'GET',
        path: `tenant/versions?path=${encodeURIComponent(path)}`,
        answer: ObjectVersionList,
      }),
    announceSync: (json) => nothing({ method: 'POST', path: 'tenant/sync', json }),
    ...tenantCalls(call),
    listJobs: () => call({ method: 'GET', path: 'api/v1/admin/jobs', answer: JobList }),
    runJob: (name, json) =>
      call({
        method: 'POST',
        path: `api/v1/admin/jobs/${pathPart(name)}/run`,
        json,
        answer: JobRun,
      }),
    listSigningKeys: () =>
      call({ method: 'GET', path: 'api/v1/admin/signing-keys', answer: SigningKeyList }),
    rotateSigningKeys: (json) =>
      call({
        method: 'POST',
        path: 'api/v1/admin/signing-keys/rotate',
        json,
        answer: SigningKeyList,
      }),
    addIssuer: (json) => call({ method: 'POST', path: issuers, json, answer: Issuer }),
    listIssuers: () => call({ method: 'GET', path: issuers, answer: IssuerList }),
    showIssuer: (ref) =>
      call({
        method: 'GET',
        path: `${issuers}/${pathPart(ref)}`,
        answer: Issuer,
        mayBeGone: true,
      }),
    removeIssuer: (ref) => nothing({ method: 'DELETE', path: `${issuers}/${pathPart(ref)}` }),
    listIdentities: (issuer) =>
      call({
        method: 'GET',
        path: `${issuers}/${pathPart(issuer)}/identities`,
        answer: IdentityList,
        mayBeGone: true,
      }),
    linkIdentity: (issuer, json) =>
      call({
        method: 'POST',
        path: `${issuers}/${pathPart(issuer)}/identities`,
        json,
        answer: Identity,
        mayBeGone: true,
      }),
    unlinkIdentity: (issuer, subject) =>
      nothing({
        method: 'DELETE',
        path: `${issuers}/${pathPart(issuer)}/identities/${pathPart(subject)}`,
      }),
  };
}

function present(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const set = Object.entries(fields).filter((field) => field[1] !== undefined);
  return Object.fromEntries(set as [string, string][]);
}

import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { formatToken } from '../../src/api/contract/token.ts';
import { serve } from './web-server.ts';

export interface AuthServer {
  url: string;
  /** Grant types of the requests for tokens, in order. */
  grants: string[];
  /** Refresh tokens and sessions that were revoked. */
  revoked: string[];
  /** A session as if somebody had signed in. */
  newSession(): { refreshToken: string; accessToken: string };
  /** Cuts the connection after the next refresh was done: its reply is lost. */
  loseNextReply(): void;
  /** What the device flow answers, in order; afterwards a session. */
  deviceAnswers: string[];
  tenant: { id: string; slug: string; name: string };
}

interface Session {
  refresh: string;
  /** Valid until `refresh` is used. */
  before: string | undefined;
  ended: boolean;
}

/**
 * The sign-in of our server (src/api/contract/auth.ts) with every secret at hand: replies can be
 * lost, answers chosen, requests counted. What it promises is tested on the real one.
 */
export async function startAuthServer(options: { lifeSeconds?: number } = {}): Promise<AuthServer> {
  const sessions: Session[] = [];
  const accessTokens = new Set<string>();
  let losing = false;
  const { lifeSeconds = 600 } = options;
  const issue = (session: Session): object => {
    const accessToken = `access-${randomBytes(12).toString('hex')}`;
    accessTokens.add(accessToken);
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: lifeSeconds,
      scope: 'mount',
      refresh_token: session.refresh,
      refresh_expires_in: 30 * 86_400,
    };
  };
  const begin = (): Session => {
    const session = { refresh: newRefreshToken(), before: undefined, ended: false };
    sessions.push(session);
    return session;
  };
  const refresh = (token: string | null): object | undefined => {
    const session = sessions.find(({ refresh: now, before }) => token === now || token === before);
    if (session === undefined || session.ended) {
      // A token of an earlier generation: somebody else may have it.
      for (const each of sessions) each.ended = true;
      return undefined;
    }
    if (token === session.refresh) session.before = session.refresh;
    session.refresh = newRefreshToken();
    return issue(session);
  };
  const server: AuthServer = {
    ...{ url: '', grants: [], revoked: [], deviceAnswers: [] },
    tenant: { id: randomUUID(), slug: 'acme', name: 'Acme' },
    newSession: () => {
      const session = begin();
      const answer = issue(session) as { access_token: string };
      return { refreshToken: session.refresh, accessToken: answer.access_token };
    },
    loseNextReply: () => {
      losing = true;
    },
  };
  const token = (form: URLSearchParams, response: ServerResponse): void => {
    const grant = form.get('grant_type') ?? '';
    server.grants.push(grant);
    if (grant === 'refresh_token') {
      const answer = refresh(form.get('refresh_token'));
      if (losing) {
        losing = false;
        response.destroy();
      } else if (answer === undefined) json(response, 400, { error: 'invalid_grant' });
      else json(response, 200, answer);
      return;
    }
    const error = server.deviceAnswers.shift();
    if (error === undefined) json(response, 200, issue(begin()));
    else json(response, 400, { error });
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(await text(request));
    const path = new URL(request.url ?? '', 'http://x').pathname;
    if (path === '/api/v1/auth/token') token(form, response);
    else if (path === '/api/v1/auth/revoke') {
      server.revoked.push(form.get('token') ?? '');
      json(response, 200, {});
    } else if (path === '/.well-known/oauth-authorization-server') {
      json(response, 200, metadata(server.url));
    } else if (path === '/api/v1/auth/device_authorization') {
      json(response, 200, {
        device_code: randomBytes(32).toString('base64url'),
        user_code: 'BCDF-GHJK',
        verification_uri: `${server.url}/device`,
        verification_uri_complete: `${server.url}/device?user_code=BCDF-GHJK`,
        expires_in: 600,
        interval: 1,
      });
    } else if (path === '/api/v1/auth/me') {
      const sent = request.headers.authorization?.replace('Bearer ', '') ?? '';
      if (accessTokens.has(sent)) json(response, 200, me(server));
      else json(response, 401, { type: 'x', title: 'x', status: 401, code: 'unauthenticated' });
    } else json(response, 404, { type: 'x', title: 'x', status: 404, code: 'not-found' });
  };
  const web = await serve((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.url = web.url;
  return server;
}

function metadata(url: string): object {
  return {
    issuer: url,
    token_endpoint: `${url}/api/v1/auth/token`,
    device_authorization_endpoint: `${url}/api/v1/auth/device_authorization`,
    revocation_endpoint: `${url}/api/v1/auth/revoke`,
    jwks_uri: `${url}/.well-known/jwks.json`,
    ...{ grant_types_supported: [], scopes_supported: [], response_types_supported: [] },
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
  };
}

function newRefreshToken(): string {
  const id = randomBytes(6).toString('hex');
  return formatToken({ kind: 'rt', id, secret: randomBytes(32).toString('base64url') });
}

function me({ tenant }: AuthServer): object {
  const expires = '2030-01-01T00:00:00Z';
  return {
    ...{ subject: 'user:1', kind: 'access_token', scopes: ['mount'], expires_at: expires, tenant },
    user: { id: '434252dd-d83b-4b20-bf70-8a950ff875c4', username: 'ada', display_name: 'Ada' },
    role: 'editor',
    credential: { kind: 'session', id: 's', label: 'a laptop', expires_at: expires },
  };
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

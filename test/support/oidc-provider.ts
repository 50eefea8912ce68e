import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider } from 'oidc-provider';

export interface TestProvider extends AsyncDisposable {
  /** Its `iss`. */
  issuer: string;
  clientId: string;
  /** The private key that signs now. */
  key: JWK;
  /** Paths that were asked for. */
  requests: string[];
  /** Signs with a new key from now on; the old one is not published any more. */
  rotate(): Promise<void>;
  /** Nobody answers at its address until `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export const CLIENT = 'cloud-cli-at-work';

/**
 * A real OpenID provider (the package oidc-provider) on loopback, with pages on which any name signs
 * in. `preferred_username`, `groups` and what else `claims` says are in its ID tokens.
 */
export async function startProvider(
  claims: (subject: string) => Record<string, unknown> = () => ({}),
): Promise<TestProvider> {
  const requests: string[] = [];
  let handle: ReturnType<Provider['callback']> | undefined;
  let server: Server;
  const listen = async (port: number): Promise<void> => {
    server = createServer((request, response) => {
      requests.push((request.url ?? '').split('?')[0] ?? '');
      void handle?.(request, response);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  };
  await listen(0);
  const { port } = server!.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  const provider: TestProvider = {
    ...{ issuer, clientId: CLIENT, requests, key: {} },
    rotate: async () => {
      const { privateKey } = await generateKeyPair('RS256', { extractable: true });
      const kid = `key-${requests.length}-${Date.now()}`;
      provider.key = { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
      handle = open(issuer, provider.key, claims).callback();
    },
    stop: close,
    start: () => listen(port),
    [Symbol.asyncDispose]: close,
  };
  await provider.rotate();
  return provider;
}

function open(
  issuer: string,
  key: JWK,
  claims: (subject: string) => Record<string, unknown>,
): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
        response_types: [],
        redirect_uris: [],
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ['of a test'] },
    // Claims of the scopes go into the ID token, as most providers do it.
    conformIdTokenClaims: false,
    claims: {
      openid: ['sub'],
      profile: ['preferred_username', 'name', 'groups'],
      email: ['email', 'email_verified'],
    },
    features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
    findAccount: (_context, sub) => ({
      accountId: sub,
      claims: () => ({ sub, preferred_username: sub, ...claims(sub) }),
    }),
  });
}

/** What a person does in a browser at the provider with a code: signs in as `name`, and agrees. */
export async function approveAtProvider(addressWithCode: string, name: string): Promise<void> {
  const cookies = new Map<string, string>();
  const visit = async (url: string, fields?: Record<string, string>): Promise<string> => {
    const response = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([key, value]) => `${key}=${value}`).join('; ') },
      ...(fields === undefined ? {} : { method: 'POST', body: new URLSearchParams(fields) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [key = ''] = pair.split('=');
      cookies.set(key, pair.slice(key.length + 1));
    }
    const next = response.headers.get('location');
    const page = await response.text();
    if (next !== null) return visit(new URL(next, url).href);
    if (!response.ok) throw new Error(`${response.status}: ${page}`);
    return page;
  };
  const { origin } = new URL(addressWithCode);
  let page = await visit(addressWithCode);
  for (let step = 0; step < 6 && page.includes('<form'); step += 1) {
    const form = /<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/.exec(page);
    const hidden = [...(form?.[2] ?? '').matchAll(/name="([^"]+)" value="([^"]*)"/g)];
    const fields = Object.fromEntries(hidden.map(([, key, value]) => [key!, value!]));
    const login = fields['prompt'] === 'login' ? { login: name, password: 'anything' } : {};
    page = await visit(new URL(form?.[1] ?? '', origin).href, { ...fields, ...login });
  }
  if (!page.includes('Sign-in Success')) throw new Error(page);
}

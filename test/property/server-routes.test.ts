import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OAuthError, Problem } from '../../src/api/contract/problem.ts';
import { ROUTES } from '../../src/api/contract/routes.ts';
import { arbitraryOf, type JsonSchema } from '../support/arbitrary-of.ts';
import { identityClient, PASSWORD } from '../support/identity.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { testDatabase } from '../support/test-databases.ts';

interface Operation {
  name: string;
  method: string;
  path: string;
  query: fc.Arbitrary<Record<string, unknown>>;
  body: fc.Arbitrary<unknown> | undefined;
  form: boolean;
}

let server: TestServer;
let operations: Operation[];
/** Whoever may ask, by what they send. */
let credentials: Record<string, string>;

beforeAll(async () => {
  server = await startTestServer({
    tenants: ['acme', 'victim'],
    env: { CLOUD_SERVER_ADMIN_USERNAME: 'boss', CLOUD_SERVER_ADMIN_PASSWORD: PASSWORD },
  });
  const client = identityClient(server);
  await client.addUser('victim', 'member', { victim: 'editor' });
  await client.addUser('reader', 'member', { acme: 'viewer' });
  credentials = {
    nobody: '',
    tenant: server.apiKeyOf('acme'),
    administrator: server.adminToken,
    owner: (await client.login('boss', { tenant: null })).access_token,
    reader: (await client.login('reader')).access_token,
    wrong: server.adminToken.replace(/.$/, '0'),
  };
  const response = await fetch(`${server.url}/openapi.json`);
  operations = operationsOf((await response.json()) as Described);
});
afterAll(() => server.close());

interface Described {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: { name: string; in: string; schema: JsonSchema }[];
        requestBody?: { content: Record<string, { schema: JsonSchema }> };
      }
    >
  >;
}

/** What would not answer, asks other servers, or ends those who ask. */
const LEFT_OUT = [
  'GET /tenant/events',
  'POST /api/v1/admin/issuers',
  'DELETE /api/v1/auth/sessions',
  'POST /api/v1/admin/signing-keys/rotate',
];

function operationsOf({ paths }: Described): Operation[] {
  return Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [], requestBody }]) => {
        const query = parameters.filter((parameter) => parameter.in === 'query');
        const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? [];
        return {
          name: `${method.toUpperCase()} ${path.replace(/\{([a-z_]+)\}/g, ':$1')}`,
          method: method.toUpperCase(),
          path,
          query: fc.record(
            Object.fromEntries(query.map(({ name, schema }) => [name, arbitraryOf(schema)])),
            { requiredKeys: [] },
          ),
          body: content === undefined ? undefined : arbitraryOf(content.schema),
          form: type === 'application/x-www-form-urlencoded',
        };
      }),
    )
    .filter(({ name }) => !LEFT_OUT.includes(name));
}

/** What stands in an address where an id belongs: what is there, what is not, and what is none. */
const part = fc.oneof(
  fc.constantFrom('victim', 'none', '00000000-0000-4000-8000-000000000000', '..', '%00', '%E0%A4'),
  fc.string({ maxLength: 120 }).map(encodeURIComponent),
);

/** Valid, nearly valid, and anything. */
function bodyFor({ body }: Operation): fc.Arbitrary<string> {
  const anything = fc.oneof(fc.json(), fc.string(), fc.constant('{"a":'.repeat(90)));
  if (body === undefined) return fc.oneof(fc.constant(''), anything);
  const bent = fc
    .tuple(body, fc.string({ maxLength: 20 }), fc.jsonValue())
    .map(([value, name, other]) => {
      if (typeof value !== 'object' || value === null) return other;
      const names = [...Object.keys(value), name];
      return { ...value, [names[name.length % names.length] ?? name]: other };
    });
  return fc.oneof(
    { weight: 5, arbitrary: body.map((value) => JSON.stringify(value)) },
    { weight: 3, arbitrary: bent.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: anything },
    { weight: 1, arbitrary: fc.constant(JSON.stringify({ name: 'x'.repeat(70_000) })) },
  );
}

const request = (): fc.Arbitrary<Request> =>
  fc.constantFrom(...operations).chain((operation) =>
    fc.record({
      name: fc.constant(operation.name),
      who: fc.constantFrom(...Object.keys(credentials)),
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant(operation.method) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'PUT', 'PATCH', 'DELETE', 'POST') },
      ),
      parts: fc.array(part, { minLength: 2, maxLength: 2 }),
      query: operation.query,
      type: fc.oneof(
        {
          weight: 8,
          arbitrary: fc.constant(
            operation.form ? 'application/x-www-form-urlencoded' : 'application/json',
          ),
        },
        { weight: 1, arbitrary: fc.constantFrom('text/plain', 'x', 'application/xml') },
      ),
      body: bodyFor(operation),
    }),
  );

interface Request {
  /** Of the operation. */
  name: string;
  who: string;
  method: string;
  parts: string[];
  query: Record<string, unknown>;
  type: string;
  body: string;
}

async function send({ name, who, method, parts, query, type, body }: Request) {
  const operation = operationNamed(name);
  let index = 0;
  const path = operation.path.replace(/\{[a-z_]+\}/g, () => parts[(index += 1) - 1] ?? 'x');
  const search = new URLSearchParams();
  for (const [field, value] of Object.entries(query)) search.set(field, String(value));
  const token = credentials[who] ?? '';
  const text = operation.form ? formOf(body) : body;
  return fetch(`${server.url}${path}?${search.toString()}`, {
    method,
    redirect: 'manual',
    headers: {
      'content-type': type,
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(method === 'GET' || text === '' ? {} : { body: text }),
  });
}

function operationNamed(name: string): Operation {
  return operations.find((operation) => operation.name === name)!;
}

function formOf(body: string): string {
  try {
    return new URLSearchParams(JSON.parse(body) as Record<string, string>).toString();
  } catch {
    return body;
  }
}

it('never answers 5xx, only as the contract says, and never with a secret', async () => {
  const secrets = [...Object.values(credentials).filter((text) => text !== ''), PASSWORD];
  const seen = new Map<string, Set<number>>();
  await fc.assert(
    fc.asyncProperty(request(), async (sent) => {
      const response = await send(sent);
      const answer = await response.text();
      const { status } = response;
      const { name } = sent;
      const { method } = operationNamed(name);
      expect(status, answer).toBeLessThan(500);
      for (const secret of secrets) expect(answer).not.toContain(secret);
      expect(answer).not.toMatch(/\$argon2|secret_hash|at \S+ \(|node_modules/);
      const type = response.headers.get('content-type') ?? '';
      if (status >= 400 && !type.startsWith('text/html')) {
        const refusal: unknown = JSON.parse(answer);
        expect(Problem.safeParse(refusal).success || OAuthError.safeParse(refusal).success).toBe(
          true,
        );
      }
      if (status < 300 && sent.method === method) {
        const contract = ROUTES[name];
        expect(status).toBe(contract?.status);
        if (contract?.answer === undefined) expect(answer).toBe('');
        else if (type.startsWith('application/json')) contract.answer.parse(JSON.parse(answer));
      }
      seen.set(name, (seen.get(name) ?? new Set<number>()).add(status));
    }),
    { numRuns: testDatabase === 'postgres' ? 300 : 800 },
  );
  // Not everything was turned away at the door.
  const successes = [...seen].filter(([, statuses]) => [...statuses].some((each) => each < 300));
  expect(successes.length).toBeGreaterThan(12);
});

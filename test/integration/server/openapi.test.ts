import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../../src/api/contract/routes.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
  security: object[];
}
let server: TestServer;
let paths: Record<string, Record<string, Operation>>;
let document: Record<string, unknown>;

beforeAll(async () => {
  server = await startTestServer();
  const response = await fetch(`${server.url}/openapi.json`);
  expect(response.status).toBe(200);
  document = (await response.json()) as typeof document;
  ({ paths } = document as unknown as { paths: typeof paths });
});
afterAll(() => server.close());

const described = (): string[] =>
  Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map(
      (method) => `${method.toUpperCase()} ${path.replace(/\{([a-z_]+)\}/g, ':$1')}`,
    ),
  );

describe('/openapi.json', () => {
  it('is a valid OpenAPI 3.1 document', async () => {
    const { valid, errors } = await new Validator().validate(document);
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  it('has every route of the server, and no other', () => {
    // A route that is not in the contract is described all the same, without words.
    expect(described().toSorted()).toEqual(Object.keys(ROUTES).toSorted());
  });

  it('says of each what it takes, what it answers, and who may ask', () => {
    const ids = new Set<string>();
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const name = `${method} ${path}`;
        ids.add(operation.operationId);
        const inPath = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, part]) => part);
        const named = (operation.parameters ?? []).filter(({ in: place }) => place === 'path');
        expect(
          named.map((parameter) => parameter.name),
          name,
        ).toEqual(inPath);
        expect(operation.responses['default']?.content, name).toBeDefined();
        if (path.includes('/admin/')) expect(operation.security, name).toEqual([{ bearer: [] }]);
      }
    }
    expect(ids.size).toBe(described().length);
  });
});

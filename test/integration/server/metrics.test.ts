import { beforeAll, expect, it } from 'vitest';
import { createApiClient } from '../../../src/api/client.ts';
import { readEvents } from '../../support/event-reader.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { testDatabase } from '../../support/test-databases.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ tenants: ['acme'] });
  return () => server.close();
});

async function metrics(): Promise<string> {
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  return response.text();
}

it('counts requests, keys, events, streams and jobs, and names no tenant', async () => {
  const key = server.apiKeyOf('acme');
  const client = createApiClient({ server: server.url, token: () => Promise.resolve(key) });
  await client.createMountCredential({});
  const stream = await readEvents(server.url, key);
  await stream.next();
  await client.announceSync({});
  await stream.next();
  await fetch(`${server.url}/tenant/mount/credentials/secret-looking-id`, { method: 'DELETE' });
  const text = await metrics();
  const value = (line: string) =>
    Number(
      text
        .split('\n')
        .find((each) => each.startsWith(line))!
        .split(' ')
        .at(-1),
    );
  expect(value('cloud_issuances_total{outcome="issued"}')).toBe(1);
  expect(value('cloud_events_total')).toBeGreaterThanOrEqual(1);
  expect(value('cloud_event_streams')).toBe(1);
  expect(
    value(
      'cloud_http_request_duration_seconds_count{method="DELETE",route="/tenant/mount/credentials/:cred_id",status="401"}',
    ),
  ).toBe(1);
  expect(
    value('cloud_job_duration_seconds_count{job="notifications",outcome="done"}'),
  ).toBeGreaterThan(0);
  expect(text.includes('cloud_database_connections')).toBe(testDatabase === 'postgres');
  for (const secret of ['acme', 'secret-looking-id', key]) expect(text).not.toContain(secret);
});

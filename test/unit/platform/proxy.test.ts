import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { proxyAgents, proxyFor } from '../../../src/platform/proxy.ts';

const P = 'http://proxy.example:3128';

test.each([
  ['https://a.example/x', { HTTPS_PROXY: P }, 'HTTPS_PROXY'],
  ['https://a.example', { https_proxy: P }, 'https_proxy'],
  ['http://a.example', { HTTPS_PROXY: P }, undefined],
  ['http://a.example', { HTTP_PROXY: P }, 'HTTP_PROXY'],
  ['https://a.example', { HTTPS_PROXY: P, NO_PROXY: 'b.example, a.example' }, undefined],
  ['https://s.a.example', { HTTPS_PROXY: P, no_proxy: '.a.example' }, undefined],
  ['https://s.a.example', { HTTPS_PROXY: P, NO_PROXY: 'a.example' }, 'HTTPS_PROXY'],
  ['https://a.example', { HTTPS_PROXY: P, NO_PROXY: '*' }, undefined],
  ['https://a.example:8443', { HTTPS_PROXY: P, NO_PROXY: 'a.example:8443' }, undefined],
  ['http://127.0.0.1:8787', { HTTP_PROXY: P }, undefined],
  ['http://localhost:8787', { HTTP_PROXY: P }, undefined],
  ['https://a.example', {}, undefined],
])('%s with %j', (url, env, variable) => {
  expect(proxyFor(new URL(url), env)?.variable).toBe(variable);
});

test('a request goes through the proxy, and one to this machine does not', async () => {
  const asked: string[] = [];
  const proxy = createServer((incoming, response) => {
    asked.push(incoming.url ?? '');
    response.end('from the proxy');
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const agents = proxyAgents({ HTTP_PROXY: `http://127.0.0.1:${port}` });
  const get = (url: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      request(url, { agent: agents.http }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
        .once('error', reject)
        .end();
    });
  expect(await get('http://cloud.example/version')).toBe(200);
  expect(await get(`http://127.0.0.1:${port}/direct`)).toBe(200);
  expect(asked).toEqual(['http://cloud.example/version', '/direct']);
});

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isPublicAddress, publicLookup } from '../../../src/server/events/public-address.ts';
import { SyncForwarder } from '../../../src/server/events/sync-forward.ts';

const fixture = (name: string) =>
  readFile(fileURLToPath(new URL(`../../fixtures/tls/${name}`, import.meta.url)), 'utf8');

describe('an address', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700:4700::1111'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
  it.each([
    ...['127.0.0.1', '10.1.2.3', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
    ...['0.0.0.0', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fd00::1'],
    ...[
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '2001:db8::1',
      'ff02::1',
    ],
    ...['localhost', ''],
  ])('%s is not', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it('is refused when it is found behind a name, in both forms of the look-up', async () => {
    for (const all of [true, false]) {
      const error = await new Promise((resolve) => {
        publicLookup('localhost', { all }, resolve);
      });
      expect(error).toMatchObject({ message: 'the name leads to a private address' });
    }
  });
});

describe('the sync address of a tenant', () => {
  async function open(options: { allowPrivate: boolean; answer?: number }) {
    const ca = await fixture('localhost.crt');
    const bodies: string[] = [];
    const held: (() => void)[] = [];
    const server = createServer(
      { cert: ca, key: await fixture('localhost.key') },
      (request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (text: string) => (body += text));
        request.once('end', () => {
          bodies.push(body);
          held.push(() => response.writeHead(options.answer ?? 204, { location: '/' }).end());
        });
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const errors: unknown[] = [];
    const forwarder = new SyncForwarder({
      allowPrivate: options.allowPrivate,
      ca,
      onError: (error) => errors.push(error),
    });
    onTestFinished(() => {
      forwarder.stop();
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const answer = async () => {
      await expect.poll(() => held.length, { interval: 5 }).toBeGreaterThan(0);
      held.shift()!();
    };
    return { forwarder, bodies, errors, answer, url: `https://localhost:${port}/sync`, port };
  }

  it('is told with little, once at a time and once more for all that came meanwhile', async () => {
    const { forwarder, bodies, answer, errors, url } = await open({ allowPrivate: true });
    for (let count = 0; count < 5; count += 1) forwarder.forward('t-1', url);
    await answer();
    await answer();
    forwarder.forward('t-2', url);
    await answer();
    const body = (tenant_id: string) => JSON.stringify({ type: 'sync-requested', tenant_id });
    expect(bodies).toEqual([body('t-1'), body('t-1'), body('t-2')]);
    expect(errors).toEqual([]);
  });

  it('is not asked in a private network, by name or by number', async () => {
    const { forwarder, bodies, errors, url, port } = await open({ allowPrivate: false });
    const addresses = [
      url,
      `https://127.0.0.1:${port}/`,
      `https://[::1]:${port}/`,
      `https://2130706433:${port}/`,
    ];
    for (const [index, address] of addresses.entries()) forwarder.forward(`t-${index}`, address);
    await expect.poll(() => errors.length).toBe(addresses.length);
    for (const error of errors) expect(String(error)).toContain('a private address');
    expect(bodies).toEqual([]);
  });

  it('is not asked without TLS, and a redirect is not followed', async () => {
    const { forwarder, bodies, errors, url, answer, port } = await open({
      allowPrivate: true,
      answer: 302,
    });
    forwarder.forward('t-1', `http://localhost:${port}/`);
    await expect.poll(() => errors.length).toBe(1);
    forwarder.forward('t-1', url);
    await answer();
    await expect.poll(() => errors.length).toBe(2);
    expect(errors.map(String)).toEqual(['Error: not an https address', 'Error: answered 302']);
    expect(bodies).toHaveLength(1);
  });

  it('that does not answer is given up when the server stops', async () => {
    const { forwarder, bodies, errors, url } = await open({ allowPrivate: true });
    forwarder.forward('t-1', url);
    await expect.poll(() => bodies.length).toBe(1);
    forwarder.forward('t-1', url);
    forwarder.stop();
    expect(errors).toEqual([]);
  });
});

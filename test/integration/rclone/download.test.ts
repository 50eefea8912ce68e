import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { request as forward } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { download, type DownloadOptions } from '../../../src/rclone/install/download.ts';
import type { Clock } from '../../../src/platform/clock.ts';
import { sendFile, serve } from '../../support/web-server.ts';
import { openWorkspace } from '../../support/workspace.ts';

const data = randomBytes(3_000_000);
const sha256 = createHash('sha256').update(data).digest('hex');

/** Back-off without waiting, remembered. */
function noWait(): Clock & { slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => Date.now(),
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
  };
}

async function from(url: string, changes: Partial<DownloadOptions> = {}): Promise<DownloadOptions> {
  const { root } = await openWorkspace();
  return {
    url: new URL(`${url}/rclone.zip`),
    path: join(root, 'rclone.zip'),
    sha256,
    env: {},
    clock: noWait(),
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...changes,
  };
}

describe('download', () => {
  test('fetches a file, checks it and tells how far it is', async () => {
    const server = await serve((request, response) => sendFile(data, request, response));
    const seen: (readonly [number, number | undefined])[] = [];
    const options = await from(server.url, { onProgress: (...now) => seen.push(now) });
    await download(options);
    expect(data.equals(await readFile(options.path))).toBe(true);
    expect(seen.at(-1)).toEqual([data.length, data.length]);
    expect(seen.map(([received]) => received)).toEqual(
      seen.map(([received]) => received).toSorted((a, b) => a - b),
    );
  });

  test('goes on where a broken transfer ended, with a growing back-off', async () => {
    const server = await serve((request, response, count) => {
      if (count > 2) {
        sendFile(data, request, response);
        return;
      }
      const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      const range = `bytes ${start}-${data.length - 1}/${data.length}`;
      const headers = { 'content-length': data.length - start, 'content-range': range };
      response.writeHead(start > 0 ? 206 : 200, headers);
      response.write(data.subarray(start, start + 1_000_000), () => response.destroy());
    });
    const clock = noWait();
    const options = await from(server.url, { clock });
    await download(options);
    expect(data.equals(await readFile(options.path))).toBe(true);
    const [first, ...starts] = server.requests.map(({ range }) => Number(range?.slice(6, -1)));
    expect(first).toBeNaN();
    // What a socket still held when it broke is asked for again, no more.
    expect(starts).toHaveLength(2);
    expect(starts[0]).toBeGreaterThan(500_000);
    expect(starts[1]).toBeGreaterThan(starts[0]! + 500_000);
    expect(clock.slept[1]).toBeGreaterThan(clock.slept[0]!);
  });

  test('goes on with what an earlier run left', async () => {
    const server = await serve((request, response) => sendFile(data, request, response));
    const options = await from(server.url);
    await writeFile(options.path, data.subarray(0, 1234));
    await download(options);
    expect(server.requests.map(({ range }) => range)).toEqual(['bytes=1234-']);
  });

  test.each([
    ['of something else', randomBytes(1000)],
    ['that is whole and more', Buffer.concat([data, data])],
  ])('starts again where the part is %s', async (_what, part) => {
    const server = await serve((request, response) => sendFile(data, request, response));
    const options = await from(server.url);
    await writeFile(options.path, part);
    await download(options);
    expect(data.equals(await readFile(options.path))).toBe(true);
  });

  test('starts again where the server knows no ranges', async () => {
    const server = await serve((_request, response) => response.end(data));
    const options = await from(server.url);
    await writeFile(options.path, randomBytes(1000));
    await download(options);
    expect(data.equals(await readFile(options.path))).toBe(true);
  });

  test('tries again after a server error', async () => {
    const server = await serve((request, response, count) => {
      if (count < 3) response.writeHead(503).end('busy');
      else sendFile(data, request, response);
    });
    await download(await from(server.url));
    expect(server.requests).toHaveLength(3);
  });

  test('gives up after four attempts', async () => {
    const server = await serve((_request, response) => response.writeHead(502).end());
    await expect(download(await from(server.url))).rejects.toMatchObject({
      code: 'download-failed',
      exitCode: 5,
    });
    expect(server.requests).toHaveLength(4);
  });

  test.each([
    ['another file', randomBytes(300_000), /SHA-256/],
    ['a truncated file', data.subarray(0, 2_500_000), /SHA-256/],
    ['nothing', Buffer.alloc(0), /SHA-256/],
  ])('refuses %s and leaves nothing of it', async (_what, body, message) => {
    const server = await serve((_request, response) => response.end(body));
    const options = await from(server.url);
    await expect(download(options)).rejects.toMatchObject({ code: 'download-wrong', exitCode: 12 });
    await expect(readFile(options.path)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(download(options)).rejects.toThrow(message);
  });

  test('says so when a web page comes instead', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
      response.end('<html>Please sign in</html>');
    });
    const options = await from(server.url);
    await expect(download(options)).rejects.toThrow(/is a web page, not a zip file/);
    await expect(readFile(options.path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a file that is not there is not asked for twice', async () => {
    const server = await serve((_request, response) => response.writeHead(404).end());
    await expect(download(await from(server.url))).rejects.toThrow(/status 404/);
    expect(server.requests).toHaveLength(1);
  });

  test('a host that is not there fails at once', async () => {
    const clock = noWait();
    const refused = download(await from('http://127.0.0.1:1', { clock }));
    await expect(refused).rejects.toThrow(/could not be reached \(ECONNREFUSED\)/);
    const unknown = download(await from('http://no-such-host.invalid', { clock }));
    await expect(unknown).rejects.toThrow(/could not be reached/);
    expect(clock.slept).toEqual([]);
  });

  test('a server that takes the call and says nothing ends in bounded time', async () => {
    const server = await serve(() => undefined);
    const timeouts = { lookup: 50, connect: 50, secureConnect: 50, response: 50, socket: 50 };
    const options = await from(server.url, { timeouts });
    await expect(download(options)).rejects.toMatchObject({ code: 'download-failed', exitCode: 5 });
    expect(server.requests).toHaveLength(1);
  });

  test('user and password of a mirror are sent to it and shown to nobody', async () => {
    const seen: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    const mirror = server.url.replace('//', '//me:hidden-word@');
    const refused: unknown = await download(await from(mirror)).catch((error: unknown) => error);
    expect(seen).toEqual([`Basic ${btoa('me:hidden-word')}`]);
    expect(String(refused)).toContain('/rclone.zip');
    expect(`${String(refused)} ${JSON.stringify(refused)}`).not.toContain('hidden-word');
  });

  test('an endless answer is cut off', async () => {
    const megabyte = Buffer.alloc(1024 * 1024);
    const server = await serve((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(megabyte));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await expect(download(await from(server.url))).rejects.toThrow(/far larger/);
  });

  test('an abort ends it with its reason', async () => {
    const abort = new AbortController();
    const server = await serve(() => abort.abort(new Error('enough')));
    const options = await from(server.url, { signal: abort.signal });
    await expect(download(options)).rejects.toThrow('enough');
  });

  test('a proxy that refuses is named, without its password, and not asked again', async () => {
    const clock = noWait();
    const proxy = await serve((_request, response) => response.writeHead(403).end());
    const address = proxy.url.replace('//', '//me:hidden-word@');
    const env = { HTTP_PROXY: address, HTTPS_PROXY: address };
    const host = new URL(proxy.url).host;
    for (const url of ['http://somewhere.invalid', 'https://somewhere.invalid']) {
      const refused: unknown = await download(await from(url, { env, clock })).catch(
        (error: unknown) => error,
      );
      expect(String(refused)).toMatch(/somewhere\.invalid.* (was refused|could not be reached)/);
      expect(String(refused)).toContain(`names the proxy ${host}`);
      expect(`${String(refused)} ${JSON.stringify(refused)}`).not.toContain('hidden-word');
    }
    expect(clock.slept).toEqual([]);
  });

  test('the proxy of the environment is used, and NO_PROXY is honoured', async () => {
    const server = await serve((request, response) => sendFile(data, request, response));
    const proxy = await serve((request, response) => {
      forward(request.url!, { headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      }).end();
    });
    await download(await from(server.url, { env: { HTTP_PROXY: proxy.url } }));
    expect(proxy.requests.map(({ url }) => url)).toEqual([`${server.url}/rclone.zip`]);
    const env = { HTTP_PROXY: proxy.url, NO_PROXY: '127.0.0.1' };
    await download(await from(server.url, { env }));
    expect(proxy.requests).toHaveLength(1);
    expect(server.requests).toHaveLength(2);
  });
});

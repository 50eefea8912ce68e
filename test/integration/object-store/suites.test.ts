import { execa } from 'execa';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { realRclone } from '../../support/rclone.ts';
import { available } from '../../support/available.ts';
import { createKey, openStore, temporaryFolder, tenantStatements } from './support.ts';

// Suites of checks that nobody here wrote, run against the store. They come with their programs.

const BUCKET = 'suites';
vi.setConfig({ testTimeout: 180_000 });

/**
 * git-annex signs a host without its port, as if every store listened on port 80. Through this
 * proxy one does. Any other host is refused: the suite asks for one to see a remote fail.
 */
async function asPort80(storeUrl: string): Promise<string> {
  const { hostname, port } = new URL(storeUrl);
  const proxy: Server = createServer((incoming, response) => {
    const target = new URL(incoming.url ?? '/', 'http://nowhere');
    if (target.host !== '127.0.0.1') return void response.destroy();
    const path = target.pathname + target.search;
    const { method, headers } = incoming;
    const outgoing = request({ hostname, port, method, path, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 502, reply.rawHeaders);
      reply.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

it.runIf(available('git-annex'))("passes git-annex's suite for remotes", async () => {
  const opened = await openStore();
  await opened.fetch(`/${BUCKET}`, { method: 'PUT' });
  const keys = await createKey(opened, tenantStatements(BUCKET));
  const home = await temporaryFolder();
  const repository = join(home, 'repository');
  await mkdir(repository);
  await writeFile(
    join(home, '.gitconfig'),
    '[user]\nname = test\nemail = test@localhost\n[init]\ndefaultBranch = main\n' +
      '[annex "security"]\nallowed-ip-addresses = all\n',
  );
  const env = {
    PATH: process.env['PATH'],
    LANG: 'C.UTF-8',
    HOME: home,
    http_proxy: await asPort80(opened.store.url),
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  };
  const git = (...args: string[]) => execa('git', args, { cwd: repository, env, extendEnv: false });
  await git('init', '--quiet');
  await git('annex', 'init', 'test');
  await git(
    ...['annex', 'initremote', 'store', 'type=S3', 'encryption=none', `bucket=${BUCKET}`],
    ...['host=127.0.0.1', 'port=80', 'protocol=http', 'requeststyle=path', 'signature=v4'],
  );
  const { stdout } = await git('annex', 'testremote', '--fast', '--size', '100KiB', 'store');
  expect(stdout).toMatch(/All 1\d\d tests passed/);
});

it("passes rclone's checks of names, lengths and streams", async () => {
  const opened = await openStore();
  await opened.fetch(`/${BUCKET}`, { method: 'PUT' });
  const keys = await createKey(opened, tenantStatements(BUCKET));
  const root = await temporaryFolder();
  const config = join(root, 'rclone.conf');
  await writeFile(
    config,
    `[t]\ntype = s3\nprovider = Other\nregion = auto\nendpoint = ${opened.store.url}\n` +
      'force_path_style = true\nlist_version = 2\nno_check_bucket = true\nenv_auth = true\n' +
      'list_url_encode = true\n',
  );
  const env = {
    PATH: process.env['PATH'],
    HOME: root,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
  };
  const report = join(root, 'report.json');
  const { path: rclone } = await realRclone();
  await execa(
    rclone,
    [
      ...['--config', config, 'test', 'info', '--check-control', '--check-length'],
      ...['--check-normalization', '--check-streaming', '--write-json', report],
      `t:${BUCKET}/info`,
    ],
    { env, extendEnv: false },
  );
  const { ControlCharacters, MaxFileLength, ...found } = JSON.parse(
    await readFile(report, 'utf8'),
  ) as Report;
  // Byte for byte: what Unicode calls the same name is another key.
  expect(found).toEqual({
    Remote: 't',
    CanStream: true,
    CanWriteUnnormalized: true,
    CanReadUnnormalized: true,
    CanReadRenormalized: false,
  });
  // 1,024 bytes of a key, less the folder that the check makes for itself.
  expect(MaxFileLength).toBeGreaterThan(950);
  expect(Object.keys(ControlCharacters).length).toBeGreaterThan(100);
  for (const [character, { WriteError, GetError, InList }] of Object.entries(ControlCharacters)) {
    expect({ WriteError, GetError }, character).toEqual({ WriteError: {}, GetError: {} });
    // rclone itself shows control characters as other ones, on any remote.
    const seen = /[\x00-\x1f\x7f]/.test(character) ? 'renamed' : 'present';
    expect(InList, character).toEqual({ left: seen, middle: seen, right: seen });
  }
});

interface Report {
  ControlCharacters: Record<string, { WriteError: unknown; GetError: unknown; InList: unknown }>;
  MaxFileLength: number;
}

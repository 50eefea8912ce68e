import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Host } from '../../../src/platform/host.ts';
import { findRclone } from '../../../src/rclone/find.ts';
import { installRclone, updateRclone } from '../../../src/rclone/install/install.ts';
import { officialZip } from '../../../src/rclone/install/official.ts';
import type { Release } from '../../../src/rclone/install/release.ts';
import type { InstallEvent } from '../../../src/rclone/install/step.ts';
import { privateFolder, readPrivateCopy } from '../../../src/rclone/private-copy.ts';
import type { Rclone } from '../../../src/rclone/rclone.ts';
import { realRclone } from '../../support/rclone.ts';
import { sendFile, serve } from '../../support/web-server.ts';
import { openWorkspace } from '../../support/workspace.ts';
import { makeZip, type ZipEntry } from '../../support/zip.ts';

let real: Rclone;
beforeAll(async () => {
  real = await realRclone();
});

const NAME = 'rclone-v1.75.1-linux-amd64';

/** A binary that is the real one, under a version of its own. */
function binary(version = real.version): Buffer {
  return Buffer.from(
    `#!/bin/sh\nif [ "$1" = version ]; then echo "rclone v${version}"; else exec ${real.path} "$@"; fi\n`,
  );
}

function zipOf(data: Buffer, more: ZipEntry[] = []): Buffer {
  const readme = { name: `${NAME}/README.txt`, data: Buffer.from('read me'), mode: 0o100644 };
  return makeZip([readme, { name: `${NAME}/rclone`, data }, ...more]);
}

function releaseOf(zip: Buffer): Release {
  const sha256 = createHash('sha256').update(zip).digest('hex');
  return { version: '1.75.1', sha256: { 'linux-amd64': sha256 } };
}

/** A machine without rclone, and a mirror that has `zip` as the release. */
async function machine(zip: Buffer): Promise<{
  host: Host;
  root: string;
  mirror: string;
  events: InstallEvent[];
  install: () => Promise<Rclone>;
}> {
  const { host, root } = await openWorkspace();
  host.env['PATH'] = '/bin';
  const server = await serve((request, response) => sendFile(zip, request, response));
  const events: InstallEvent[] = [];
  const deps = { steps: [officialZip(releaseOf(zip))], arch: 'x64' };
  const options = { mirror: server.url, method: 'official' } as const;
  const install = async (): Promise<Rclone> =>
    (await installRclone(options, { ...host, platform: 'linux' }, (e) => events.push(e), deps))
      .rclone;
  return { host, root, mirror: server.url, events, install };
}

describe('the official zip', () => {
  test('is fetched, checked, unpacked, probed and switched to', async () => {
    const { host, install, events } = await machine(zipOf(binary()));
    const rclone = await install();
    expect(rclone).toMatchObject({ origin: 'private', version: real.version });
    expect(await findRclone({}, host)).toEqual(rclone);
    expect((await stat(rclone.path)).mode & 0o777).toBe(0o755);
    expect((await stat(privateFolder(host))).mode & 0o777).toBe(0o700);
    expect(events[0]).toMatchObject({ type: 'started', method: 'official' });
    expect(events.at(-1)).toMatchObject({ type: 'download' });
    expect((await readdir(privateFolder(host))).toSorted()).toHaveLength(2);
    expect(await readPrivateCopy(host)).toMatchObject({
      source: expect.stringContaining(`/v1.75.1/${NAME}.zip`) as string,
    });
  });

  test('a second installation replaces the first one and removes it', async () => {
    const { host, install } = await machine(zipOf(binary()));
    const first = await install();
    const second = await install();
    expect(second.path).not.toBe(first.path);
    await expect(stat(first.path)).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await findRclone({}, host)).toEqual(second);
  });

  test('what lies half-done from a killed installation is removed by the next', async () => {
    const { host, install } = await machine(zipOf(binary()));
    await mkdir(join(privateFolder(host), '.staging-dead'), { recursive: true });
    await writeFile(join(privateFolder(host), '.staging-dead', 'rclone'), 'half');
    await install();
    expect(await readdir(privateFolder(host))).not.toContain('.staging-dead');
  });

  const evil = Buffer.from('evil');
  const bad: [string, () => Buffer, RegExp][] = [
    [
      'a name with ..',
      () => zipOf(binary(), [{ name: '../../evil', data: evil }]),
      /invalid relative path/,
    ],
    [
      'an absolute name',
      () => zipOf(binary(), [{ name: '/tmp/evil', data: evil }]),
      /absolute path/,
    ],
    ['a backslash', () => zipOf(binary(), [{ name: '..\\evil', data: evil }]), /invalid character/],
    ['a drive', () => zipOf(binary(), [{ name: 'C:/evil', data: evil }]), /absolute path/],
    [
      'a link for a binary',
      () => makeZip([{ name: `${NAME}/rclone`, data: Buffer.from('/bin/sh'), mode: 0o120777 }]),
      /not a plain file/,
    ],
    ['no binary', () => makeZip([{ name: `${NAME}/README`, data: evil }]), /there is no/],
    ['a truncated end', () => zipOf(binary()).subarray(0, -40), /cannot be used/],
    ['no zip at all', () => Buffer.from('something else'), /cannot be used/],
    ['a binary that crashes', () => zipOf(Buffer.from('#!/bin/sh\nkill -SEGV $$\n')), /crashed/],
    ['a binary that is nonsense', () => zipOf(Buffer.from('\x7fELF nonsense')), /not suitable/],
    ['a binary that is too old', () => zipOf(binary('1.60.1')), /older than 1\.72\.0/],
  ];

  test('is refused with its reason where it is not what it should be; the copy in use stays', async () => {
    const good = await machine(zipOf(binary()));
    const before = await good.install();
    const files = await readdir(privateFolder(good.host), { recursive: true });
    for (const [what, make, message] of bad) {
      const zip = make();
      const server = await serve((request, response) => sendFile(zip, request, response));
      const refused = installRclone(
        { method: 'official', mirror: server.url },
        { ...good.host, platform: 'linux' },
        () => undefined,
        { steps: [officialZip(releaseOf(zip))], arch: 'x64' },
      );
      await expect(refused, what).rejects.toMatchObject({ code: 'rclone-not-installed' });
      await expect(refused, what).rejects.toThrow(message);
      expect(await findRclone({}, good.host), what).toEqual(before);
      const left = await readdir(privateFolder(good.host), { recursive: true });
      expect(
        left.filter((name) => !name.startsWith('downloads')),
        what,
      ).toEqual(files);
      expect(await readdir(good.root), what).not.toContain('evil');
    }
  });

  test('comes from the next site of the publisher where the first is out of reach or wrong', async () => {
    const zip = zipOf(binary());
    const good = await serve((request, response) => sendFile(zip, request, response));
    const page = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Please sign in</html>');
    });
    for (const [first, why] of [
      ['http://127.0.0.1:1', /could not be reached/],
      [page.url, /is a web page/],
    ] as const) {
      const { host } = await machine(zip);
      const events: InstallEvent[] = [];
      const report = (event: InstallEvent): number => events.push(event);
      const step = officialZip(releaseOf(zip), [first, good.url]);
      const deps = { steps: [step], arch: 'x64' };
      await installRclone({ method: 'official' }, { ...host, platform: 'linux' }, report, deps);
      expect(events.find(({ type }) => type === 'passed-over')).toMatchObject({
        reason: expect.stringMatching(why) as string,
      });
      // Where a mirror is named, nobody else is asked.
      const named = { method: 'official', mirror: first } as const;
      const before = good.requests.length;
      await expect(installRclone(named, host, report, deps)).rejects.toThrow(why);
      expect(good.requests).toHaveLength(before);
    }
  });

  test('a mirror with another file is refused with the reason', async () => {
    const { host, mirror } = await machine(zipOf(binary('1.75.0')));
    const deps = { steps: [officialZip(releaseOf(zipOf(binary())))], arch: 'x64' };
    const refused = installRclone({ method: 'official', mirror }, host, () => undefined, deps);
    await expect(refused).rejects.toThrow(/SHA-256/);
    expect(await readPrivateCopy(host)).toBeUndefined();
  });

  test('a data folder that cannot be written is a clear error', async () => {
    const { host, root, mirror } = await machine(zipOf(binary()));
    await writeFile(join(root, 'file'), '');
    // sysfs refuses new folders to root too, as a read-only disk does.
    for (const data of [join(root, 'file', 'data'), '/sys/kernel/cloud']) {
      const places = { ...host.places, data };
      const refused = installRclone(
        { method: 'official', mirror },
        { ...host, places },
        () => undefined,
        { steps: [officialZip(releaseOf(zipOf(binary())))], arch: 'x64' },
      );
      await expect(refused).rejects.toMatchObject({ code: 'rclone-not-installed', exitCode: 12 });
      await expect(refused).rejects.toThrow(/ENOTDIR|EPERM|EACCES|EROFS/);
    }
  });

  test('two at once: one installs, the other takes what it installed', async () => {
    const zip = zipOf(binary());
    const { host, mirror } = await machine(zip);
    let started = 0;
    const run = (): Promise<{ rclone: Rclone; changed: boolean }> =>
      installRclone({ mirror }, host, (event) => (started += event.type === 'started' ? 1 : 0), {
        steps: [officialZip(releaseOf(zip))],
        arch: 'x64',
      });
    const [one, other] = await Promise.all([run(), run()]);
    expect(one.rclone).toEqual(other.rclone);
    expect([one.changed, other.changed].toSorted()).toEqual([false, true]);
    expect(started).toBe(1);
  });
});

describe('updateRclone', () => {
  test('replaces an older private copy, then says that there is nothing newer', async () => {
    const old = await machine(zipOf(binary('1.74.4')));
    await old.install();
    const zip = zipOf(binary('1.75.1'));
    const server = await serve((request, response) => sendFile(zip, request, response));
    const deps = { steps: [officialZip(releaseOf(zip))], arch: 'x64' };
    const options = { mirror: server.url };
    const update = (): ReturnType<typeof updateRclone> =>
      updateRclone(options, { ...old.host, platform: 'linux' }, () => undefined, deps);
    expect(await update()).toMatchObject({ changed: true, rclone: { version: '1.75.1' } });
    expect(await update()).toMatchObject({ changed: false, rclone: { version: '1.75.1' } });
    expect(server.requests).toHaveLength(1);
  });

  test('without a network it fails with 5 and changes nothing', async () => {
    const { host, install } = await machine(zipOf(binary('1.74.4')));
    const before = await install();
    const deps = { steps: [officialZip()], arch: 'x64' };
    const refused = updateRclone({ mirror: 'http://127.0.0.1:1' }, host, () => undefined, deps);
    await expect(refused).rejects.toMatchObject({ code: 'download-failed', exitCode: 5 });
    expect(await findRclone({}, host)).toEqual(before);
  });

  test("does not touch somebody else's", async () => {
    const { host, root } = await openWorkspace();
    await mkdir(join(root, 'bin'));
    await writeFile(join(root, 'bin', 'rclone'), binary('1.74.4'), { mode: 0o755 });
    host.env['PATH'] = `${join(root, 'bin')}:/bin`;
    const before = await readFile(join(root, 'bin', 'rclone'));
    await expect(updateRclone({}, host, () => undefined)).rejects.toMatchObject({
      code: 'rclone-not-ours',
      exitCode: 12,
    });
    expect(await readFile(join(root, 'bin', 'rclone'))).toEqual(before);
  });
});

import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examplesOf, row } from '../../support/help-reader.ts';
import { storageInside } from '../../support/storage-inside.ts';

examplesOf('server', (reader) => {
  test('what a server has at its storage', async () => {
    const { server, admin, playAll, clientOf } = reader();
    const elsewhere = { 'CLOUD_SERVER_STORAGE_S3_ENDPOINT=https://t3.storage.dev … ': '' };
    const storage = await storageInside(server);
    const lost = await clientOf(server.apiKeyOf('acme')).createMountCredential({});
    await storage.deleteAccessKey(lost.access_key);
    const finding = { kind: 'credential-without-key', tenant: 'acme', name: lost.access_key };
    await playAll([
      ['cloud admin drift', new RegExp(lost.access_key), { exitCode: 8 }],
      ['cloud admin tenant check acme', new RegExp(lost.access_key), { exitCode: 8 }],
      ['cloud admin tenant check --json', [finding], { exitCode: 8 }],
      [
        'cloud admin drift --fix --yes',
        new RegExp(lost.access_key),
        { then: async () => expect((await admin.findDrift()).findings).toEqual([]) },
      ],
      [
        'CLOUD_SERVER_STORAGE_S3_ENDPOINT=https://t3.storage.dev … cloud server check-storage',
        /Keep two tenants apart\n\s+both ways[\s\S]*ok +\d+\nfailed +0/,
        { swap: elsewhere },
      ],
      ['cloud server check-storage --json', /"id":"isolation".*"status":"ok"[^]*"type":"result"/],
    ]);
  });

  test('running a server', async () => {
    const { admin, home, playAll, inHome } = reader();
    const swap = { '/srv/cloud': '~/srv', '/backups/cloud': '~/backup' };
    const signing = async () =>
      (await admin.listSigningKeys()).signing_keys.find(({ status }) => status === 'active')!.id;
    const runs = async (name: string) =>
      (await admin.listJobs()).jobs.find((job) => job.name === name)!.runs;
    const before = { key: await signing(), expiry: await runs('expiry') };
    const own = '.cloud/data/server';
    const there = (folder: string) => ({
      then: async () =>
        expect((await readdir(join(home, folder))).toSorted()).toEqual([
          ...['admin-token', 'server.key', 'server.sqlite'],
        ]),
    });
    const started = (folder: string, from: string, to: string) => ({
      ...{ goesOn: true, swap: { [from]: to } },
      then: async () => expect(await inHome(`${folder}/admin-token`)).toMatch(/^cloud_adm_/),
    });
    await playAll(
      [
        ['cloud server keys list', new RegExp(`^${before.key} +active`, 'm')],
        ['cloud server keys list --output tsv', new RegExp(`^${before.key}\tactive\tEdDSA`, 'm')],
        [
          'cloud server keys rotate --compromised',
          /What the old key signed is refused/,
          { then: async () => expect(await signing()).not.toBe(before.key) },
        ],
        // Others may keep the set of keys for a while, so one soon after another has to wait.
        ['cloud server keys rotate', /Try again in/, { exitCode: 1 }],
        ['cloud admin jobs list', /^expiry +done +20/m],
        ['cloud admin jobs list --json', row({ name: 'deletion-retry', outcome: 'done' })],
        [
          'cloud admin jobs run deletion-retry',
          /deletion-retry is done\.\ndeleted +[01]\n/,
          {
            then: async ({ printed }) => {
              expect(printed).toContain('postponed');
              const { jobs } = await admin.listJobs();
              const { finished_at: end } = jobs.find(({ name }) => name === 'deletion-retry')!;
              expect(Date.now() - Date.parse(end!)).toBeLessThan(30_000);
            },
          },
        ],
        [
          'cloud admin jobs run expiry --dry-run',
          /What expiry would do:\nrevoked +0/,
          { then: async () => expect(await runs('expiry')).toBe(before.expiry) },
        ],
        [
          'cloud server migrate',
          /Migrated .*:\n +0001-first\n/,
          { then: () => stat(join(home, own, 'server.sqlite')) },
        ],
        [
          'cloud server migrate --data /srv/cloud',
          /Migrated .*\/srv\/server\.sqlite:\n +0001-first\n/,
          { then: () => stat(join(home, 'srv/server.sqlite')) },
        ],
        [
          'cloud server start',
          /Server +http[^]*Stop it with Ctrl-C/,
          started(own, 'server start', 'server start --port 0'),
        ],
        [
          'cloud server start --port 9000 --data /srv/cloud',
          /Server +http[^]*Data +.*\/srv\n/,
          started('srv', '--port 9000', '--port 0'),
        ],
        [
          'cloud server recover',
          /admin-token/,
          {
            first: () => rm(join(home, own, 'admin-token')),
            then: async () => expect(await inHome(`${own}/admin-token`)).toMatch(/^cloud_adm_/),
          },
        ],
        ['cloud server recover --data /srv/cloud', /is in force until .*; no other one was made/],
        ['cloud server backup /backups/cloud', /holds admin-token, server\.key/, there('backup')],
        [
          'cloud server backup /backups/cloud --data /srv/cloud',
          /holds admin-token, server\.key/,
          { swap: { '/backups/cloud': '~/backup-two' }, ...there('backup-two') },
        ],
      ],
      swap,
    );
  });
});

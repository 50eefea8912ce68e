import { BaseCommand } from '../../cli/base-command.ts';

export default class ServerCheckStorage extends BaseCommand<typeof ServerCheckStorage> {
  static override summary = 'Prove that the configured object storage does what the server needs.';
  static override description =
    'Makes two buckets and a few keys of its own there, tries what a server relies on (isolation of tenants, prefixes, read-only and expiring keys, revocation, snapshots, notifications), and removes all of it again, also when it is interrupted. It reads the CLOUD_SERVER_STORAGE_… variables, takes about half a minute, and ends with 1 when something does not hold.';
  static override examples = [
    'CLOUD_SERVER_STORAGE_S3_ENDPOINT=https://t3.storage.dev … <%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { checkConfiguredStorage } = await import('../../local-server/check-storage.ts');
    const { presentCheckedStorage, presentStorageCheck } =
      await import('../../local-server/present-check-storage.ts');
    const result = await checkConfiguredStorage(this.host, this.signal, (check) => {
      this.out.event({ type: 'check', ...check });
      this.out.line(presentStorageCheck(check, this.out));
    });
    this.out.final(result, presentCheckedStorage);
    process.exitCode = result.ok ? 0 : 1;
  }
}

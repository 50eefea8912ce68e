import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../cli/base-command.ts';

/** Trouble on purpose, for demonstrations; not in the help. */
const storageFaults = {
  'storage-latency': Flags.string({ hidden: true }),
  'storage-bandwidth': Flags.string({ hidden: true }),
  'storage-error-rate': Flags.string({ hidden: true }),
  'storage-cut-rate': Flags.string({ hidden: true }),
  'storage-listing-delay': Flags.string({ hidden: true }),
};

export default class ServerStart extends BaseCommand<typeof ServerStart> {
  static override summary = 'Run a server here, with object storage of its own.';
  static override description =
    'Settings are CLOUD_SERVER_… variables; a flag wins. Logs are JSON lines on stderr.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --port 9000 --data /srv/cloud',
  ];
  static override flags = {
    port: Flags.integer({ description: 'Port to listen on (8787).', min: 0, max: 65_535 }),
    host: Flags.string({ description: 'Address to listen on (127.0.0.1).', helpValue: 'ADDRESS' }),
    data: Flags.string({ description: 'Folder of the database and files.', helpValue: 'DIR' }),
    'storage-port': Flags.integer({
      description: 'Port of the object storage (the one of the last start, or the next free one).',
      min: 0,
      max: 65_535,
    }),
    ...storageFaults,
  };

  override async run(): Promise<void> {
    const { runServer } = await import('../../local-server/run-server.ts');
    const { presentListening } = await import('../../local-server/present-server.ts');
    const { host, port, data: dataFolder, 'storage-port': storagePort, verbose } = this.flags;
    await runServer(
      this.host,
      {
        ...{ host, port, dataFolder, storagePort, storageFaults: this.flags },
        version: this.config.version,
        defaultLogLevel: verbose ? 'debug' : process.stderr.isTTY ? 'warn' : 'info',
        logStream: process.stderr,
        signal: this.signal,
      },
      (listening) => {
        this.out.event({ type: 'listening', ...listening });
        this.out.line(presentListening(listening, this.out));
      },
    );
    this.out.event({ type: 'stopped' });
    this.out.note('Stopped.');
  }
}

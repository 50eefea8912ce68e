import { BaseCommand } from '../cli/base-command.ts';

export default class Version extends BaseCommand<typeof Version> {
  static override summary = 'Show the version of this program and of Node.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const result = {
      version: this.config.version,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
    };
    this.out.result(result, (r) => `cloud ${r.version}, node ${r.node}, ${r.platform}`);
    return Promise.resolve();
  }
}

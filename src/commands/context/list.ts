import { BaseCommand } from '../../cli/base-command.ts';

export default class ContextList extends BaseCommand<typeof ContextList> {
  static override usesSettings = false;
  static override summary = 'List the accounts and tenants of this machine.';
  static override description =
    'A context is an account and a tenant on a server; the one in use is marked. Works offline.';
  static override hiddenAliases = ['context:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { listContexts } = await import('../../session/contexts.ts');
    const { CONTEXTS } = await import('../../session/present-session.ts');
    this.out.list(await listContexts(this.host), CONTEXTS);
  }
}

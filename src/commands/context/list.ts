import { BaseCommand } from '../../cli/base-command.ts';

export default class ContextList extends BaseCommand<typeof ContextList> {
  static override usesSettings = false;
  static override summary = 'List the accounts and tenants of this machine.';
  static override hiddenAliases = ['context:ls'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
  ];

  override async run(): Promise<void> {
    const { listContexts } = await import('../../session/contexts.ts');
    const contexts = await listContexts(this.host);
    const people = this.out.options.format === 'table';
    this.out.rows(
      contexts.map((each) =>
        people ? { ...each, current: each.current ? '*' : '' } : { ...each },
      ),
      [
        { key: 'current', title: '' },
        { key: 'name', title: 'NAME' },
        { key: 'account', title: 'ACCOUNT' },
        { key: 'tenant', title: 'TENANT' },
        { key: 'server', title: 'SERVER' },
      ],
      'There is none yet: cloud setup',
    );
  }
}

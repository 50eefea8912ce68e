import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';
import { SHELLS } from '../completion/scripts.ts';

export default class Completion extends BaseCommand<typeof Completion> {
  static override summary = 'Print what your shell needs to complete commands, flags and names.';
  static override description =
    'Commands, flags, values, profiles, contexts, conflicts and mounted folders are completed, the last ones as this machine knows them; offline.';
  static override args = {
    shell: Args.option({ options: SHELLS, description: 'Your shell.' })({ required: true }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> bash > ~/.local/share/bash-completion/completions/cloud',
    '<%= config.bin %> <%= command.id %> zsh > "${fpath[1]}/_cloud"',
    '<%= config.bin %> <%= command.id %> fish > ~/.config/fish/completions/cloud.fish',
    '<%= config.bin %> <%= command.id %> powershell >> $PROFILE',
  ];

  override async run(): Promise<void> {
    const { completionScript, howToInstall } = await import('../completion/scripts.ts');
    const { shell } = this.args;
    if (this.out.options.stdout.isTTY === true) {
      this.out.note(`To switch it on: ${howToInstall(shell)}\n`);
    }
    this.out.result({ shell, script: completionScript(shell) }, ({ script }) => script.trimEnd());
  }
}

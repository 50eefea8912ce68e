import * as Args from '@oclif/core/args';
import { BaseCommand } from '../cli/base-command.ts';

/** What the scripts of `cloud completion` ask at each press of the tab key. */
export default class Complete extends BaseCommand<typeof Complete> {
  static override hidden = true;
  static override strict = false;
  static override summary = 'Say what can be typed next.';
  static override args = { words: Args.string({ description: 'The words behind cloud.' }) };

  override async run(): Promise<void> {
    const { knownNames, readCommandTree } = await import('../cli/known-names.ts');
    const { suggest } = await import('../completion/suggest.ts');
    const tree = await readCommandTree(this.config.root);
    // Of several `--` the parser makes one: the last word may be one that is being typed.
    const words = this.argv.slice(this.argv.indexOf('--') + 1);
    const { kind, candidates } = await suggest(words, tree, knownNames(this.host));
    if (kind !== 'words') this.out.line(`:${kind}`);
    for (const { value, description } of candidates) {
      this.out.line(description === undefined ? value : `${value}\t${description}`);
    }
  }
}

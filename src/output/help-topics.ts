import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Output } from './output.ts';

export interface HelpTopic {
  name: string;
  summary: string;
}

/** Pages of `docs/` that `cloud help` shows, by their names. */
export const HELP_TOPICS: readonly HelpTopic[] = [
  { name: 'mount-vs-bisync', summary: 'Which of the two to use.' },
  { name: 'profiles', summary: 'safe, balanced and fast.' },
  { name: 'undo', summary: 'Earlier versions: find them, have them back.' },
  { name: 'environment', summary: 'Variables that stand for flags.' },
  { name: 'exit-codes', summary: 'What scripts can rely on.' },
  { name: 'formatting', summary: 'Tables, TSV, JSON, colours.' },
];

/** @param root the folder of the package */
export async function showTopic(name: string, root: string, out: Output): Promise<void> {
  const { renderMarkdown } = await import('./markdown.ts');
  const text = await readFile(join(root, 'docs', `${name}.md`), 'utf8');
  out.line(renderMarkdown(text, out));
}

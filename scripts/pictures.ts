/**
 * The pictures of the documentation. Those of a terminal are from real runs: a real server, two
 * machines, real files. Needs tmux.
 *
 *   npm run pictures
 */
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ARCHITECTURE } from './pictures/architecture.ts';
import { drawDiagram } from './pictures/diagram.ts';
import { drawTerminal } from './pictures/svg.ts';
import { Terminal } from './pictures/tmux.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Short, because it is seen; it must not be there yet. */
const home = '/tmp/ada';
const bin = join(home, '.bin');

await save(join(root, 'docs/pictures/architecture.svg'), drawDiagram(ARCHITECTURE));
await mkdir(home);
const terminals: Terminal[] = [];
try {
  await mkdir(bin);
  const program = `#!/bin/sh\nexec '${process.execPath}' '${root}bin/run.js' "$@"\n`;
  await writeFile(join(bin, 'cloud'), program);
  await chmod(join(bin, 'cloud'), 0o755);
  await draw();
} finally {
  for (const terminal of terminals) await terminal.close();
  await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 500 });
}

async function draw(): Promise<void> {
  const server = await open('server', {});
  await server.type('cloud server start');
  await server.capture((screen) => screen.includes('Ctrl-C'));

  const laptop = await open('laptop', {});
  await laptop.type(
    'cloud admin tenant add --slug acme --name Acme --print-token > key.txt; clear',
  );
  await laptop.capture((screen) => screen.trim() === '$');
  await laptop.type('cloud rclone install --quiet; clear');
  await laptop.capture((screen) => screen.trim() === '$');

  const setup = 'cloud setup --mode bisync --token-stdin < key.txt';
  await picture(
    'setup',
    setup,
    await shown(laptop, setup, (screen) => /Ready\.[^]*\$ $/.test(screen)),
  );

  const desktop = await open('desktop', { CLOUD_HOME: join(home, 'desktop') });
  await desktop.type('cloud setup --mode bisync --path ~/Desktop --token-stdin --yes < key.txt');
  await desktop.capture((screen) => screen.includes('Ready.'));
  await desktop.type('clear; cloud bisync --watch');
  await desktop.capture((screen) => screen.includes('idle'));

  await laptop.clear();
  await laptop.type('cloud bisync --watch');
  await laptop.capture((screen) => screen.includes('idle'));
  const notes = join(home, 'Cloud/acme/notes');
  await save(join(notes, 'plan.md'), '# Plan\n\n- buy milk\n');
  await laptop.capture((screen) => screen.includes('plan.md'));
  await save(join(home, 'Desktop/drawings/sketch.svg'), '<svg/>\n');
  await laptop.capture((screen) => screen.includes('sketch.svg'));
  await save(join(notes, 'ideas.md'), '# Ideas\n');
  const watching = await laptop.capture(
    (screen) => screen.includes('ideas.md') && screen.includes('idle'),
  );
  await picture('watch', 'cloud bisync --watch', watching);

  await desktop.press('C-c');
  await desktop.capture((screen) => screen.trimEnd().endsWith('$'));
  await save(join(home, 'Desktop/notes/plan.md'), '# Plan\n\n- buy milk\n- call Grace\n');
  await save(join(notes, 'plan.md'), '# Plan\n\n- buy oat milk\n');
  await laptop.capture((screen) => screen.split('plan.md').length > 2);
  await desktop.type('clear; cloud bisync --profile safe; clear');
  await desktop.capture((screen) => screen.trim() === '$');
  const commands = 'cloud conflicts list; cloud conflicts diff notes/plan.md';
  const conflict = await shown(desktop, commands, (screen) => /oat milk[^]*\$ $/.test(screen));
  await picture('conflicts', commands, conflict);

  const status = await shown(desktop, 'cloud status', (screen) => /Conflicts[^]*\$ $/.test(screen));
  await picture('status', 'cloud status', status);
}

async function open(name: string, env: NodeJS.ProcessEnv): Promise<Terminal> {
  const terminal = await Terminal.open(
    join(home, `.${name}.tmux`),
    {
      ...{ PATH: `${bin}:${process.env['PATH'] ?? ''}`, HOME: home, LANG: 'C.UTF-8' },
      ...{ TERM: 'xterm-256color', CLOUD_INSECURE_STORAGE: '1', ...env },
    },
    home,
  );
  terminals.push(terminal);
  return terminal;
}

/** What a command shows from its own line to the next prompt. */
async function shown(
  terminal: Terminal,
  command: string,
  ready: (screen: string) => boolean,
): Promise<string[]> {
  await terminal.clear();
  await terminal.capture((screen) => screen.trim() === '$');
  await terminal.type(command);
  const lines = await terminal.capture((screen) => ready(screen.trimEnd() + ' '));
  return lines.slice(0, -1);
}

async function picture(name: string, title: string, lines: readonly string[]): Promise<void> {
  const path = join(root, 'docs/pictures', `${name}.svg`);
  await writeFile(path, drawTerminal(title, lines));
  console.log(path.slice(root.length));
}

async function save(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

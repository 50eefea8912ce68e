import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How much of everything. */
export interface Size {
  /** Small files that are copied. */
  files: number;
  /** MiB of the one large file. */
  largeMiB: number;
  /** Files of the repository that is cloned. */
  repository: number;
}

/** What every contender is asked to work on, made once on the local disk. */
export interface Material {
  small: string;
  large: string;
  bare: string;
  /** Where what is read ends. */
  out: string;
}

export interface Task {
  name: string;
  /** A shell command; `$M` is the folder of this round inside the mount, `$OUT` outside. */
  command: string;
  /** Measured a second time: until the upload queue is empty. */
  uploads?: true;
  /** Before it, `cold`: mounted anew without a cache; `expired`: the freshness has passed. */
  after?: 'cold' | 'expired';
  /** Metadata work, where an event stream should pay. */
  metadata?: true;
  /** Its requests are counted, too. */
  requests?: true;
}

/** In this order; each works on what those before it left. */
export function tasksOf({ small, large, bare }: Material, size: Size): readonly Task[] {
  const { files, largeMiB, repository } = size;
  return [
    { name: `copy in ${files} small files`, command: `cp -r ${small} $M/small`, uploads: true },
    { name: `write a ${largeMiB} MiB file`, command: `cp ${large} $M/large`, uploads: true },
    {
      name: `git clone of ${repository} files`,
      command: `git clone -q --no-local ${bare} $M/repository`,
      uploads: true,
    },
    {
      name: 'append a line, 20 times',
      command: 'for i in $(seq 20); do echo line >> $M/log.txt; done',
      uploads: true,
    },
    {
      name: 'rename 20 files',
      command: 'cd $M/small/d0 && for f in $(ls | head -20); do mv $f moved-$f; done',
    },
    { name: 'rename a folder of 50 files', command: 'mv $M/small/d0 $M/small/renamed' },
    {
      name: 'git status, cold',
      command: 'git -C $M/repository status --porcelain',
      after: 'cold',
      requests: true,
    },
    { name: 'ls -R, cold', command: 'ls -R $M' },
    { name: 'git status, again', command: 'git -C $M/repository status --porcelain' },
    {
      name: 'git status, freshness passed',
      command: 'git -C $M/repository status --porcelain',
      ...{ after: 'expired', metadata: true, requests: true },
    },
    {
      name: 'ls -R, freshness passed',
      command: 'ls -R $M',
      ...{ after: 'expired', metadata: true, requests: true },
    },
    { name: 'find -type f, again', command: 'find $M -type f' },
    { name: `read ${files} small files, cold`, command: 'cp -r $M/small $OUT', requests: true },
    { name: `read ${files} small files, warm`, command: 'cp -r $M/small $OUT' },
    { name: `read a ${largeMiB} MiB file, cold`, command: 'cat $M/large > /dev/null' },
    { name: `read a ${largeMiB} MiB file, warm`, command: 'cat $M/large > /dev/null' },
  ];
}

/** Text that compresses as text does; the same at every run. */
function text(seed: number, bytes: number): string {
  let state = seed * 2654435761;
  let made = '';
  while (made.length < bytes) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    made += state % 9 === 0 ? `${state.toString(36)}\n` : `${state.toString(36)} `;
  }
  return made;
}

export function makeMaterial(root: string, size: Size): Material {
  const name = `${size.files}-${size.repository}-${size.largeMiB}`;
  const at = (kind: string): string => join(root, 'material', name, kind);
  const material = { small: at('small'), large: at('large'), bare: at('bare.git'), out: at('out') };
  const tree = (folder: string, count: number, perFolder: number, bytes: number): void => {
    for (let index = 0; index < count; index += 1) {
      const parent = join(folder, `d${Math.floor(index / perFolder)}`);
      mkdirSync(parent, { recursive: true });
      writeFileSync(join(parent, `file-${index}.txt`), text(index + 1, 500 + (index % 10) * bytes));
    }
  };
  tree(material.small, size.files, 50, 700);
  const work = at('work');
  const git = (...args: string[]): void => {
    const who = ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost'];
    execFileSync('git', [...who, ...args], { cwd: work, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  tree(work, size.repository, 10, 2000);
  git('init', '-q', '-b', 'main');
  for (let commit = 0; commit < 5; commit += 1) {
    writeFileSync(join(work, 'd0', 'changes.txt'), text(commit, 20_000));
    git('add', '.');
    git('commit', '-q', '-m', `change ${commit}`);
  }
  execFileSync('git', ['clone', '-q', '--bare', work, material.bare]);
  const block = Buffer.from(text(7, 1024 * 1024));
  for (let index = 0; index < size.largeMiB; index += 1) {
    writeFileSync(material.large, block.subarray(0, 1024 * 1024), { flag: 'a' });
  }
  mkdirSync(material.out);
  return material;
}

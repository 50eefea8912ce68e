/** One way to break one invariant of docs/sync.md: exact text of a source file, and another. */
export interface Mutant {
  name: string;
  invariant: string;
  edits: readonly { file: string; find: string; replace: string }[];
}

function mutant(
  invariant: string,
  name: string,
  ...edits: readonly [file: string, find: string, replace: string][]
): Mutant {
  return {
    name,
    invariant,
    edits: edits.map(([file, find, replace]) => ({ file: `src/${file}`, find, replace })),
  };
}

/** Otherwise a storage that is not asked would be found out when a pair is set up. */
const BELIEVED: [string, string, string] = [
  'bisync/prepare.ts',
  'return { writes: !clobbered && !mismatched, deletes };',
  'return { writes: true, deletes: true };',
];

export const MUTANTS: readonly Mutant[] = [
  mutant('stable read', 'what was read is not looked at again', [
    'bisync/local-file.ts',
    'if (after !== undefined && isSameContent(before, after) && before.changed === after.changed) {',
    'if (after !== undefined) {',
  ]),
  mutant(
    'conditional write: If-Match',
    'a known object is overwritten without a condition',
    ['s3/client.ts', "? { 'if-match': condition.ifMatch }", '? {}'],
    BELIEVED,
  ),
  mutant(
    'conditional write: If-None-Match',
    'a new object is written without a condition',
    ['s3/client.ts', ": { 'if-none-match': '*' };", ': {};'],
    BELIEVED,
  ),
  mutant('HEAD after an ambiguous end', 'an ambiguous end counts as written', [
    'bisync/upload.ts',
    "if (typeof failure === 'string') return { type: 'written', etag: failure };",
    "if (typeof failure === 'string') return { type: 'written', etag: failure };" +
      '\n    if (failure.ambiguous) return { type: \'written\', etag: `"${copy.md5}"` };',
  ]),
  mutant('no blind repetition', 'a refused PUT is sent again with the ETag of now', [
    'bisync/upload.ts',
    "} else return { type: 'differs' };",
    '} else condition = { ifMatch: head.etag };',
  ]),
  mutant('local replace: only the agreed version', 'the present file is not compared', [
    'bisync/download.ts',
    "if (local.md5 !== agreed.md5) return 'differs';",
    '',
  ]),
  mutant('local replace: verified in the trash', 'what was moved is not looked at', [
    'bisync/aside.ts',
    'if (moved?.md5 !== md5) {',
    'if (moved === undefined) {',
  ]),
  mutant('local replace: link() overwrites nothing', 'the new file is renamed over', [
    'bisync/local-file.ts',
    'await makeLink(from, to);',
    'await rename(from, to);\n    return true;',
  ]),
  mutant('local replace: late writers', 'the trash is not looked at again', [
    'bisync/aside.ts',
    'if (now.size === fingerprint.size && now.modified === fingerprint.modified) return;',
    'return;',
  ]),
  mutant('journal before acting: moves', 'a move into the trash is not in the journal', [
    'bisync/trash.ts',
    "await journal.write({ type: 'aside', path: key, aside, ...what });",
    '',
  ]),
  mutant('journal before acting: writes', 'a PUT is not in the journal', [
    'bisync/upload.ts',
    "await run.journal.write({ type: 'put', path: key, size: copy.size, md5: copy.md5 });",
    '',
  ]),
  mutant(
    'journal before acting: downloads',
    'a name that is about to be given is not in the journal',
    ['bisync/download.ts', 'await notePlacing(run, path, fetched);', ''],
  ),
  mutant('overlay: folded after a crash', 'what a cut run had settled is forgotten', [
    'bisync/locked-run.ts',
    'const baseline = foldIn(stored ?? new Map<string, BaselineEntry>(), leftovers.settled);',
    'const baseline = stored ?? new Map<string, BaselineEntry>();',
  ]),
  mutant('overlay: folded at the end', 'the baseline is written once only', [
    'bisync/locked-run.ts',
    'if (settled.size > 0 || !hadBaseline) await writeBaseline',
    'if (!hadBaseline) await writeBaseline',
  ]),
  mutant('ETags: objects without an MD5', 'same size is taken for the same version', [
    'bisync/plan.ts',
    'return version.etag !== undefined && version.etag === base.etag;',
    'return true;',
  ]),
  mutant(
    'ETags: never from a later listing',
    'after a crash what is listed counts as what was sent',
    [
      'bisync/recover.ts',
      'if (now?.size !== size || now.md5 !== md5 || !local.has(path)) continue;',
      'if (now === undefined || now.md5 === null || !local.has(path)) continue;',
    ],
    [
      'bisync/recover.ts',
      'const entry = { size, md5, etag: null };',
      'const entry = { size: now.size, md5: now.md5, etag: null };',
    ],
  ),
  mutant('deletes: the local file is the agreed one', 'an edited file is deleted', [
    'bisync/delete.ts',
    "if (local.md5 !== agreed.md5) return 'kept';",
    '',
  ]),
  mutant('deletes: the object is really gone', 'a listing is believed that is older', [
    'bisync/delete.ts',
    "if ((await run.s3.head(path, run.signal)) !== undefined) return 'kept';",
    '',
  ]),
  mutant('deletes: If-Match', 'an object is deleted without a condition', [
    'bisync/delete.ts',
    'await run.s3.delete(path, run.conditions.deletes ? etag : undefined, run.signal);',
    'await run.s3.delete(path, undefined, run.signal);',
  ]),
  mutant('deletes: guards', 'no number of deletes stops a run', [
    'bisync/permission.ts',
    'if (stop === undefined) return { plan, conflicts };',
    'return { plan, conflicts };',
  ]),
  mutant(
    'paths: no key that means another',
    'absolute keys and keys with empty segments or dots are taken',
    [
      'bisync/safe-path.ts',
      "if (key === '' || key.startsWith('/')) return 'the key is absolute';",
      '',
    ],
    [
      'bisync/safe-path.ts',
      "if (segments.includes('')) return 'the key has an empty segment';",
      '',
    ],
    [
      'bisync/safe-path.ts',
      "if (segments.includes('.') || segments.includes('..')) return 'the key has a segment of dots';",
      '',
    ],
  ),
  mutant('paths: not through symlinks', 'a symlink is a folder', [
    'bisync/safe-path.ts',
    'if (entry.isDirectory()) return true;',
    'if (entry.isDirectory() || entry.isSymbolicLink()) return true;',
  ]),
  mutant('conflict copies overwrite nothing', 'a copy is renamed over what has its name', [
    'bisync/aside.ts',
    'if (await nameAside(run, file, target, record)) await syncFolder(dirname(target));',
    "await (await import('node:fs/promises')).rename(file, target);\n    if (target !== '') await syncFolder(dirname(target));",
  ]),
  mutant('doubt keeps both: the local version', 'the loser of a conflict goes to the trash only', [
    'bisync/conflict.ts',
    "await keepAsConflictCopy(run, path, aside, { kept: 'cloud', open, from: 'local' });",
    '',
  ]),
  mutant(
    "doubt keeps both: the cloud's version",
    'the loser in the bucket is overwritten',
    [
      'bisync/conflict.ts',
      'const { copy, synced } = await keepAsConflictCopy(run, path, fetched.temporary, about);',
      'void about;',
    ],
    [
      'bisync/conflict.ts',
      "if (!synced && (await uploadFile(run, copy, null)) !== 'written') return false;",
      '',
    ],
    [
      'bisync/conflict.ts',
      'run.tally.newCopies = run.tally.newCopies.filter((each) => each !== copy);',
      '',
    ],
  ),
  mutant('doubt compares contents', 'without an MD5 the same size counts as equal', [
    'bisync/plan.ts',
    "if (local.md5 === null || remote.md5 === null) return { type: 'compare', path, local, remote };",
    "if (local.md5 !== null && remote.md5 === null)\n    return { type: 'agree', path, entry: { size: local.size, md5: local.md5, etag: remote.etag ?? null } };",
  ]),
  mutant('identity of the root', 'another folder in its place is not noticed', [
    'bisync/synced-root.ts',
    'if (now === undefined || now !== this.#identity) {',
    'if (now === undefined) {',
  ]),
  mutant('quick scan: the change time', 'a stamp is inode, size and seconds', [
    'bisync/stat-record.ts',
    'return `${file.inode} ${file.size} ${file.modified} ${file.changed}`;',
    'return `${file.inode} ${file.size} ${file.modified / 1_000_000_000n}`;',
  ]),
  mutant('quick scan: racy files', 'a file that has just changed is known by its stamp', [
    'bisync/stat-record.ts',
    'return device === since.device && changed < since.now - BigInt(settledMs) * 1_000_000n;',
    'return true;',
  ]),
];

/** One archive that the machine's own apt trusts, ready for a line with another suite. */
export interface AptArchive {
  uri: string;
  suites: string[];
  components: string[];
  /** Keyring path, or the armoured key itself as deb822 allows; undefined for apt's default. */
  signedBy: string | undefined;
}

/** Reads a file of apt's: deb822 (`*.sources`) or one line each (`*.list`); see sources.list(5). */
export function parseAptSources(name: string, text: string): AptArchive[] {
  return name.endsWith('.sources') ? parseDeb822(text) : parseLines(text);
}

function parseDeb822(text: string): AptArchive[] {
  const withoutComments = text.split(/\r?\n/).filter((line) => !line.startsWith('#'));
  return withoutComments
    .join('\n')
    .split(/\n[ \t]*\n/)
    .flatMap((stanza) => {
      const field = fieldsOf(stanza);
      const words = (key: string): string[] => field.get(key)?.split(/\s+/).filter(Boolean) ?? [];
      if (!words('types').includes('deb')) return [];
      if (/^(no|false|without|off|disable|0)$/i.test(field.get('enabled')?.trim() ?? '')) return [];
      return words('uris').map((uri) => ({
        uri,
        suites: words('suites'),
        components: words('components'),
        signedBy: field.get('signed-by')?.trim(),
      }));
    });
}

/** Fields by lower-case name; a continuation line starts with a space and stays as it is. */
function fieldsOf(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let current: string | undefined;
  for (const line of stanza.split('\n')) {
    if (/^[ \t]/.test(line) && current !== undefined) {
      fields.set(current, `${fields.get(current) ?? ''}\n${line}`);
      continue;
    }
    const [, name, value] = /^([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    current = name.toLowerCase();
    fields.set(current, value);
  }
  return fields;
}

/** `deb [arch=amd64 signed-by=/path] uri suite component…` */
function parseLines(text: string): AptArchive[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    const [, options, uri, suite, components] = match ?? [];
    if (uri === undefined || suite === undefined) return [];
    return [
      {
        uri,
        suites: [suite],
        components: (components ?? '').split(/\s+/).filter(Boolean),
        signedBy: /(?:^|\s)signed-by=(\S+)/.exec(options ?? '')?.[1],
      },
    ];
  });
}

/**
 * The archives that carry this machine's own release, each address once. Third parties name their
 * suites `stable` too, so those come last.
 */
export function releaseArchives(
  archives: readonly AptArchive[],
  codename: string,
  component: string,
): AptArchive[] {
  const carrying = archives.filter(
    ({ uri, components }) =>
      /^(https?|mirror(\+\w+)?|copy|file|tor\+https?):/.test(uri) && components.includes(component),
  );
  const byName = carrying.filter(({ suites }) => suites.includes(codename));
  const byAlias = carrying.filter(({ suites }) => suites.some((suite) => ALIASES.has(suite)));
  const found = [...byName, ...byAlias];
  return found.filter(
    (archive, index) => found.findIndex(({ uri }) => uri === archive.uri) === index,
  );
}

const ALIASES = new Set(['stable', 'oldstable', 'testing', 'unstable']);

/** A deb822 source of one suite. What the machine's own files loosen (`trusted=yes`) is not kept. */
export function formatAptSource(archive: AptArchive, suite: string, component: string): string {
  const lines = [
    'Types: deb',
    `URIs: ${archive.uri}`,
    `Suites: ${suite}`,
    `Components: ${component}`,
    ...(archive.signedBy === undefined ? [] : [`Signed-By: ${archive.signedBy}`]),
  ];
  return `${lines.join('\n')}\n`;
}

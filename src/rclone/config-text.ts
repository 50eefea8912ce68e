/**
 * Changes one section of an rclone.conf and not a byte of anything else: comments, order, line
 * ends and unknown keys stay. A value of undefined removes its key. Without such a section one is
 * appended. Where a section occurs twice, the first counts, as in rclone.
 */
export function setSection(
  text: string,
  name: string,
  values: Readonly<Record<string, string | undefined>>,
): string {
  const end = text.includes('\r\n') ? '\r\n' : '\n';
  const lines = text === '' ? [] : text.split(/(?<=\n)/);
  const header = lines.findIndex((line) => sectionName(line) === name);
  if (header < 0) return appended(text, end, name, values);
  const next = lines.findIndex((line, index) => index > header && sectionName(line) !== undefined);
  const after = next < 0 ? lines.length : next;
  const body = changedBody(lines.slice(header + 1, after), end, values);
  const head = lines[header] ?? '';
  return [
    ...lines.slice(0, header),
    ...(body.length > 0 && !head.endsWith('\n') ? [head, end] : [head]),
    ...body,
    ...lines.slice(after),
  ].join('');
}

/** The keys and values of a section, or undefined when there is none. */
export function readSection(text: string, name: string): Map<string, string> | undefined {
  const lines = text.split(/\r?\n/);
  const header = lines.findIndex((line) => sectionName(line) === name);
  if (header < 0) return undefined;
  const found = new Map<string, string>();
  for (const line of lines.slice(header + 1)) {
    if (sectionName(line) !== undefined) break;
    const pair = keyValue(line);
    if (pair !== undefined) found.set(pair.key, pair.value);
  }
  return found;
}

function sectionName(line: string): string | undefined {
  return /^\s*\[([^\]]*)\]\s*$/.exec(line)?.[1]?.trim();
}

function keyValue(line: string): { key: string; value: string } | undefined {
  const [, key, value] = /^\s*([^=:#;[\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
  return key === undefined || value === undefined ? undefined : { key, value };
}

function appended(
  text: string,
  end: string,
  name: string,
  values: Readonly<Record<string, string | undefined>>,
): string {
  const closed = text === '' || text.endsWith('\n') ? text : text + end;
  const gap = closed === '' || closed.endsWith(end + end) ? '' : end;
  return `${closed}${gap}[${name}]${end}${formatPairs(Object.entries(values), end).join('')}`;
}

function changedBody(
  body: readonly string[],
  end: string,
  values: Readonly<Record<string, string | undefined>>,
): string[] {
  const wanted = new Map(Object.entries(values));
  const kept = body.flatMap((line) => {
    const pair = keyValue(line);
    if (pair === undefined || !wanted.has(pair.key)) return [line];
    const value = wanted.get(pair.key);
    wanted.delete(pair.key);
    if (value === pair.value) return [line];
    return value === undefined ? [] : [`${pair.key} = ${value}${end}`];
  });
  const missing = formatPairs([...wanted], end);
  if (missing.length === 0) return kept;
  // New keys go below the last line that says something, above the gap to the next section.
  const last = kept.findLastIndex((line) => line.trim() !== '');
  const before = kept.slice(0, last + 1);
  const tail = before.at(-1);
  if (tail !== undefined && !tail.endsWith('\n')) before[before.length - 1] = tail + end;
  return [...before, ...missing, ...kept.slice(last + 1)];
}

function formatPairs(
  pairs: readonly (readonly [string, string | undefined])[],
  end: string,
): string[] {
  return pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key} = ${value}${end}`]));
}

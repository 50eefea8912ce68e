/**
 * The first key that an object of this JSON text has twice, or undefined. JSON.parse would keep the
 * last silently, and whoever checked the first one before us would have checked another request
 * (RFC 8259 §4: behaviour is unpredictable). The text is valid JSON already.
 */
export function duplicateKey(text: string): string | undefined {
  /** For each open bracket: the keys so far of an object, or null for a list. */
  const open: (Set<string> | null)[] = [];
  for (const token of text.matchAll(TOKEN)) {
    const [sign, key] = token;
    if (sign === '{') open.push(new Set());
    else if (sign === '[') open.push(null);
    else if (sign === '}' || sign === ']') open.pop();
    else if (key !== undefined) {
      const name = JSON.parse(key) as string;
      const keys = open.at(-1);
      if (keys?.has(name) === true) return name;
      keys?.add(name);
    }
  }
  return undefined;
}

/** A key with its colon, another string (whose brackets mean nothing), or a bracket. */
const TOKEN = /("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g;

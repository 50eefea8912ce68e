import { XMLParser } from 'fast-xml-parser';

/** A piece of XML text that is already escaped. */
export interface Xml {
  readonly xml: string;
}

type Child = Xml | string | number | boolean | undefined;

/** One element; strings and numbers are escaped, `undefined` children are left out. */
export function element(name: string, ...children: Child[]): Xml {
  let inside = '';
  for (const child of children) {
    if (child === undefined) continue;
    inside += typeof child === 'object' ? child.xml : escapeXml(String(child));
  }
  return { xml: `<${name}>${inside}</${name}>` };
}

/** `<name>value</name>`, or nothing when the value is undefined. */
export function optional(name: string, value: string | number | boolean | undefined): Xml {
  return value === undefined ? { xml: '' } : element(name, value);
}

/** Elements in sequence, for long lists without an argument per element. */
export function sequence(parts: Iterable<Xml>): Xml {
  let xml = '';
  for (const part of parts) xml += part.xml;
  return { xml };
}

/** A whole document with the declaration and, on its root, a default name space. */
export function xmlDocument(
  root: string,
  namespace: string | undefined,
  ...children: Xml[]
): string {
  const attribute = namespace === undefined ? '' : ` xmlns="${namespace}"`;
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<${root}${attribute}>${sequence(children).xml}</${root}>`
  );
}

const SPECIAL = /[&<>"\u0000-\u0008\u000b\u000c\u000d\u000e-\u001f\ufffe\uffff]/g;

/** Escapes for text and attributes; control characters as references, as S3 sends them. */
export function escapeXml(text: string): string {
  return text.replace(SPECIAL, (character) => {
    switch (character) {
      case '&':
        return '&amp;';
      case '<':
        return '&lt;';
      case '>':
        return '&gt;';
      case '"':
        return '&quot;';
      default:
        return `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`;
    }
  });
}

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  removeNSPrefix: true,
  // Decoded here instead: the parser leaves numeric references alone, and Go writes `&#34;`.
  processEntities: false,
  tagValueProcessor: (_name, value) => unescapeXml(value),
});

const NAMED: Record<string, string | undefined> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

/** XML's five entities and numeric references; anything else would need a DOCTYPE. */
function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi,
    (reference, hex, decimal, name) => {
      if (typeof name === 'string') return NAMED[name] ?? reference;
      const point = typeof hex === 'string' ? parseInt(hex, 16) : Number(decimal);
      return point <= 0x10ffff ? String.fromCodePoint(point) : reference;
    },
  );
}

/** Parsed XML: an element is text, or a record of its children; several of a name are a list. */
export type XmlValue = string | XmlValue[] | { [name: string]: XmlValue };

/** The document as nested records, or undefined when it is not well-formed or has a DOCTYPE. */
export function parseXml(text: string): Record<string, XmlValue> | undefined {
  if (!isWellFormed(text)) return undefined;
  try {
    return parser.parse(text) as Record<string, XmlValue>;
  } catch {
    return undefined;
  }
}

/** The children of `value` called `name`, always as a list. */
export function childrenOf(value: XmlValue | undefined, name: string): XmlValue[] {
  if (value === undefined || typeof value === 'string' || Array.isArray(value)) return [];
  const child = value[name];
  if (child === undefined) return [];
  return Array.isArray(child) ? child : [child];
}

/** The text of the only child called `name`, or undefined when absent or not text. */
export function textOf(value: XmlValue | undefined, name: string): string | undefined {
  const [child, ...others] = childrenOf(value, name);
  return typeof child === 'string' && others.length === 0 ? child : undefined;
}

const MARKUP =
  /<\?[^]*?\?>|<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<(\/?)([A-Za-z_][\w:.-]*)([^<>]*)>|</g;

/** Every element closed in order, one root, nothing else: no DOCTYPE, no stray `<`. */
function isWellFormed(text: string): boolean {
  const open: string[] = [];
  let roots = 0;
  for (const [markup, closing, name = '', rest = ''] of text.matchAll(MARKUP)) {
    if (markup === '<') return false;
    if (closing === undefined) continue;
    if (closing === '/') {
      if (open.pop() !== name) return false;
      continue;
    }
    if (open.length === 0) roots += 1;
    if (!rest.endsWith('/')) open.push(name);
  }
  return open.length === 0 && roots === 1;
}

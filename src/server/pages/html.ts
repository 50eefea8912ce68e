import { createHash } from 'node:crypto';
import { STYLE } from './style.ts';

/** Text that is HTML already. */
export class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Value = Html | string | number | false | readonly Value[];

/** A template whose values are escaped unless they are HTML themselves; `false` is nothing. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  return new Html(parts.map((part, index) => part + toText(values[index] ?? '')).join(''));
}

function toText(value: Value): string {
  if (value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(toText).join('');
  return String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** Not in the template below: a line end more, and its hash would be another. */
const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`);

/** A whole page: works without scripts, at 320 px, and for a screen reader. */
export function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title} – cloud</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <main>
          <p class="brand" aria-hidden="true">cloud</p>
          ${body}
        </main>
      </body>
    </html>`.text.replaceAll(/\n\s*/g, '\n');
}

/**
 * Nothing from anywhere, one style by its hash, forms to ourselves only, no frames. `same-origin`
 * tells no other site where a person came from; `no-referrer` would make browsers send
 * `Origin: null` with our own forms (Fetch standard, "append a request Origin header").
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'cache-control': 'no-store',
};

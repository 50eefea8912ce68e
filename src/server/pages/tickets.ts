import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import * as z from 'zod/mini';
import type { Clock } from '../../platform/clock.ts';

/** How long a form may lie open, in milliseconds: not longer than a device waits. */
const LIFE_MS = 600_000;

const Payload = z.strictObject({
  step: z.enum(['code', 'sign-in', 'decide']),
  /** Which device waits. */
  code: z.optional(z.string()),
  userCode: z.optional(z.string()),
  /** Who has given the right password. */
  user: z.optional(z.string()),
  until: z.number(),
});
type Payload = z.infer<typeof Payload>;

/**
 * What a form says of the steps before it, signed, and bound to a cookie of the browser that got
 * the form. Another site can neither read the cookie nor make a ticket that fits it, so it cannot
 * send our forms (the signed double-submit cookie of OWASP's CSRF prevention cheat sheet).
 */
export class Tickets {
  readonly #key: Buffer;
  readonly #clock: Clock;
  constructor(key: Buffer, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  issue(browser: string, payload: Omit<Payload, 'until'>): string {
    const until = this.#clock.now() + LIFE_MS;
    const text = Buffer.from(JSON.stringify({ ...payload, until })).toString('base64url');
    return `${text}.${this.#sign(browser, text)}`;
  }

  /** What the ticket says, if it is ours, of this browser, of this step and not too old. */
  read(browser: string | undefined, step: Payload['step'], ticket: string): Payload | undefined {
    const [text = '', mac = ''] = ticket.split('.');
    if (browser === undefined) return undefined;
    const expected = Buffer.from(this.#sign(browser, text));
    const given = Buffer.from(mac);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const payload = Payload.parse(JSON.parse(Buffer.from(text, 'base64url').toString()));
    return payload.step === step && payload.until > this.#clock.now() ? payload : undefined;
  }

  #sign(browser: string, text: string): string {
    return createHmac('sha256', this.#key).update(`${browser} ${text}`).digest('base64url');
  }
}

/** The cookie by which a browser is known again while it lets a device in. */
export class BrowserCookie {
  readonly #page: () => URL;
  /** Where people find the page. */
  constructor(page: () => URL) {
    this.#page = page;
  }

  read(header: string | undefined): string | undefined {
    const name = `${this.#name}=`;
    const found = header
      ?.split(';')
      .map((part) => part.trim())
      .filter((part) => part.startsWith(name));
    // Two of the name: one of them was planted.
    const value = found?.length === 1 ? found[0]?.slice(name.length) : undefined;
    return value !== undefined && /^[A-Za-z0-9_-]{43}$/.test(value) ? value : undefined;
  }

  create(): { value: string; header: string } {
    const value = randomBytes(32).toString('base64url');
    const scope = this.#isSecure ? 'Path=/; Secure' : `Path=${this.#page().pathname}`;
    return {
      value,
      header: `${this.#name}=${value}; ${scope}; Max-Age=1800; HttpOnly; SameSite=Strict`,
    };
  }

  /** The prefix makes a browser refuse one that a neighbour on the same domain sets (RFC 6265bis). */
  get #name(): string {
    return this.#isSecure ? '__Host-cloud-device' : 'cloud-device';
  }

  get #isSecure(): boolean {
    return this.#page().protocol === 'https:';
  }
}

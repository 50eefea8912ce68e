import { argon2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { HttpProblem } from '../errors.ts';

/**
 * OWASP's password storage cheat sheet, second configuration of Argon2id: 19 MiB, two passes, one
 * lane. `memory` in KiB.
 */
const COST = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const HASH_BYTES = 32;
const SALT_BYTES = 16;

export const SHORTEST_PASSWORD = 12;
type Derive = (
  algorithm: 'argon2id',
  parameters: { message: Buffer; nonce: Buffer; memory: number; passes: number } & {
    parallelism: number;
    tagLength: number;
  },
) => Promise<Buffer>;

/** What waits beyond this many is refused: a queue that is not finished helps nobody. */
const LONGEST_QUEUE = 64;

/** Hashes passwords, few at a time: each takes a core for tens of milliseconds, and 19 MiB. */
export class Passwords {
  readonly #atOnce = Math.max(1, Math.min(4, availableParallelism() - 1));
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** Of a password that nobody knows: what an unknown user is compared with. */
  readonly #nobody: Promise<string>;

  readonly #derived: Derive;

  constructor(derive: Derive = promisify(argon2)) {
    this.#derived = derive;
    this.#nobody = this.hash(randomBytes(32).toString('base64url'));
    // Without this a failure would end the process before anybody asks.
    this.#nobody.catch(() => undefined);
  }

  /** PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. @throws HttpProblem 503 `busy` */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    const hash = await this.#derive(password, salt, COST, HASH_BYTES);
    const { memory, passes, parallelism } = COST;
    return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${b64(salt)}$${b64(hash)}`;
  }

  /**
   * Whether the password is the one of `stored`. Without a stored one the same work is done for
   * nothing, so that the time does not tell whether the user exists.
   *
   * @throws HttpProblem 503 `busy`
   */
  async verify(password: string, stored: string | null | undefined): Promise<boolean> {
    const phc = PHC.exec(stored ?? (await this.#nobody));
    const [, memory, passes, parallelism, salt, hash] = phc ?? [];
    if (salt === undefined || hash === undefined) throw new Error('a password hash is unreadable');
    const expected = Buffer.from(hash, 'base64');
    const cost = {
      memory: Number(memory),
      passes: Number(passes),
      parallelism: Number(parallelism),
    };
    const given = await this.#derive(password, Buffer.from(salt, 'base64'), cost, expected.length);
    const same = timingSafeEqual(given, expected);
    return same && typeof stored === 'string';
  }

  async #derive(
    password: string,
    nonce: Buffer,
    cost: { memory: number; passes: number; parallelism: number },
    tagLength: number,
  ): Promise<Buffer> {
    await this.#enter();
    try {
      // RFC 8265 §4.2: what was typed on another keyboard must be the same bytes.
      const message = Buffer.from(password.normalize('NFC'));
      return await this.#derived('argon2id', { ...cost, message, nonce, tagLength });
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#atOnce) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= LONGEST_QUEUE) {
      throw new HttpProblem(503, 'busy', 'Too many people are signing in at this moment.', {
        headers: { 'retry-after': '2' },
      });
    }
    // Whoever leaves hands its place over.
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

function b64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

/**
 * NIST SP 800-63B §3.1.1.2: length counts, rules of composition do not; what can be guessed from
 * the name is refused.
 *
 * @throws HttpProblem 422 `weak-password`
 */
export function assertGoodPassword(password: string, username: string, field = 'password'): void {
  const weak = (detail: string): HttpProblem =>
    new HttpProblem(422, 'weak-password', 'This password is too easy to guess.', { field, detail });
  const characters = Array.from(password.normalize('NFC'));
  if (characters.length < SHORTEST_PASSWORD) {
    throw weak(`It has fewer than ${SHORTEST_PASSWORD} characters.`);
  }
  if (new Set(characters).size < 5) throw weak('It has fewer than five different characters.');
  const lower = password.toLowerCase();
  if (username.length > 3 && lower.includes(username)) throw weak('It contains the user name.');
  if (COMMON.reduce((rest, common) => rest.replaceAll(common, ''), lower).length < 4) {
    throw weak('It is among those that are tried first.');
  }
}

/** What long passwords are made of that are guessed all the same. */
const COMMON = [
  'password',
  'passwort',
  '1234567890',
  '0123456789',
  'qwertyuiop',
  'qwerty',
  'letmein',
];

/** A password that a person can read out: 5 groups of 4, about 86 bits. */
export function makePassword(): string {
  const letter = (): string => READABLE.charAt(randomInt(READABLE.length));
  const group = (): string => Array.from({ length: 4 }, letter).join('');
  return Array.from({ length: 5 }, group).join('-');
}

/** Without vowels (no words), and without what looks alike. */
const READABLE = 'bcdfghjkmnpqrstvwxz';

import { randomBytes } from 'node:crypto';
import { integerColumn, textColumn, type Database, type Row } from './database.ts';
import { parsePolicy, type Statement } from './policy.ts';

/** Who signed a request. An administrator is not subject to policies. */
export interface Identity {
  readonly accessKeyId: string;
  readonly secret: string;
  readonly active: boolean;
  readonly admin: boolean;
  readonly statements: readonly Statement[];
}

export interface AccessKey {
  id: string;
  /** The `UserName` at creation: with Tigris only a label. */
  label: string;
  status: 'Active' | 'Inactive';
  /** Milliseconds since the epoch. */
  created: number;
}

function toAccessKey(row: Row): AccessKey {
  return {
    id: textColumn(row, 'id'),
    label: textColumn(row, 'label'),
    status: textColumn(row, 'status') === 'Active' ? 'Active' : 'Inactive',
    created: integerColumn(row, 'created'),
  };
}

/** The access keys with the policies attached to them. */
export class AccessKeys {
  readonly #database: Database;
  readonly #admin: Identity;
  /** Every request needs an identity; parsing its policies again each time would dominate. */
  readonly #identities = new Map<string, Identity>();

  constructor(database: Database, admin: { accessKeyId: string; secretAccessKey: string }) {
    this.#database = database;
    this.#admin = {
      accessKeyId: admin.accessKeyId,
      secret: admin.secretAccessKey,
      active: true,
      admin: true,
      statements: [],
    };
  }

  identify(accessKeyId: string): Identity | undefined {
    if (accessKeyId === this.#admin.accessKeyId) return this.#admin;
    const known = this.#identities.get(accessKeyId);
    if (known !== undefined) return known;
    const row = this.#database.get('SELECT * FROM access_keys WHERE id = ?', accessKeyId);
    if (row === undefined) return undefined;
    const documents = this.#database.all(
      'SELECT document FROM attachments JOIN policies ON policies.name = policy WHERE access_key = ?',
      accessKeyId,
    );
    const identity: Identity = {
      accessKeyId,
      secret: textColumn(row, 'secret'),
      active: row['status'] === 'Active',
      admin: false,
      statements: documents.flatMap((document) => parsePolicy(textColumn(document, 'document'))),
    };
    this.#identities.set(accessKeyId, identity);
    return identity;
  }

  /** Inside a write that changes keys, policies or attachments: the next request sees it. */
  forget(): void {
    this.#identities.clear();
  }

  find(id: string): AccessKey | undefined {
    const row = this.#database.get('SELECT * FROM access_keys WHERE id = ?', id);
    return row === undefined ? undefined : toAccessKey(row);
  }

  list(after: string, limit: number): AccessKey[] {
    return this.#database
      .all('SELECT * FROM access_keys WHERE id > ? ORDER BY id LIMIT ?', after, limit)
      .map(toAccessKey);
  }

  create(label: string, created: number): AccessKey & { secret: string } {
    const id = `tid_${randomText(24)}`;
    const secret = newSecret();
    this.#database.run(
      "INSERT INTO access_keys (id, secret, label, status, created) VALUES (?, ?, ?, 'Active', ?)",
      id,
      secret,
      label,
      created,
    );
    return { id, label, status: 'Active', created, secret };
  }

  setStatus(id: string, status: AccessKey['status']): void {
    this.forget();
    this.#database.run('UPDATE access_keys SET status = ? WHERE id = ?', status, id);
  }

  /** A new secret; the old one is refused from the next request on. */
  rotate(id: string): string {
    this.forget();
    const secret = newSecret();
    this.#database.run('UPDATE access_keys SET secret = ? WHERE id = ?', secret, id);
    return secret;
  }

  remove(id: string): void {
    this.forget();
    this.#database.run('DELETE FROM access_keys WHERE id = ?', id);
  }
}

function newSecret(): string {
  // Real secrets hold `+`, which breaks clients that forget to escape it; so do these.
  return `tsec_${randomText(20)}+${randomText(35)}`;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

/** 64 letters, so that a random byte maps to one without bias. */
function randomText(length: number): string {
  return Array.from(randomBytes(length), (byte) => LETTERS.charAt(byte & 63)).join('');
}

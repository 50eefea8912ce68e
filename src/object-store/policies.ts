import { randomBytes } from 'node:crypto';
import { integerColumn, textColumn, type Database, type Row } from './database.ts';

export interface Policy {
  name: string;
  id: string;
  document: string;
  description: string;
  /** Counts up with each change; `v1`, `v2` … to clients. */
  version: number;
  created: number;
  updated: number;
  attachments: number;
}

/** Tigris puts the organization where AWS has the account; the local store is one organization. */
const ARN_PREFIX = 'arn:aws:iam::local:policy/';

export function policyArn(name: string): string {
  return `${ARN_PREFIX}${name}`;
}

/** The name in an ARN of ours, or undefined. */
export function policyName(arn: string): string | undefined {
  return arn.startsWith(ARN_PREFIX) ? arn.slice(ARN_PREFIX.length) : undefined;
}

const SELECT =
  'SELECT *, (SELECT count(*) FROM attachments WHERE policy = name) AS attachments FROM policies';

function toPolicy(row: Row): Policy {
  return {
    name: textColumn(row, 'name'),
    id: textColumn(row, 'id'),
    document: textColumn(row, 'document'),
    description: textColumn(row, 'description'),
    version: integerColumn(row, 'version'),
    created: integerColumn(row, 'created'),
    updated: integerColumn(row, 'updated'),
    attachments: integerColumn(row, 'attachments'),
  };
}

/** Policies and what they are attached to. */
export class Policies {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  find(name: string): Policy | undefined {
    const row = this.#database.get(`${SELECT} WHERE name = ?`, name);
    return row === undefined ? undefined : toPolicy(row);
  }

  list(after: string, limit: number): Policy[] {
    return this.#database
      .all(`${SELECT} WHERE name > ? ORDER BY name LIMIT ?`, after, limit)
      .map(toPolicy);
  }

  create(name: string, document: string, description: string, now: number): void {
    this.#database.run(
      `INSERT INTO policies (name, id, document, description, version, created, updated)
       VALUES (?, ?, ?, ?, 1, ?, ?)`,
      name,
      `pol_${randomBytes(12).toString('hex')}`,
      document,
      description,
      now,
      now,
    );
  }

  update(name: string, document: string, description: string, now: number): void {
    this.#database.run(
      `UPDATE policies SET document = ?, description = ?, version = version + 1, updated = ?
       WHERE name = ?`,
      document,
      description,
      now,
      name,
    );
  }

  remove(name: string): void {
    this.#database.run('DELETE FROM policies WHERE name = ?', name);
  }

  attach(name: string, accessKey: string): void {
    this.#database.run(
      'INSERT INTO attachments (access_key, policy) VALUES (?, ?) ON CONFLICT DO NOTHING',
      accessKey,
      name,
    );
  }

  /** Whether it was attached. */
  detach(name: string, accessKey: string): boolean {
    const { changes } = this.#database.run(
      'DELETE FROM attachments WHERE access_key = ? AND policy = ?',
      accessKey,
      name,
    );
    return changes > 0;
  }

  detachAll(name: string): void {
    this.#database.run('DELETE FROM attachments WHERE policy = ?', name);
  }

  attachedTo(accessKey: string, after: string, limit: number): string[] {
    return this.#database
      .all(
        'SELECT policy FROM attachments WHERE access_key = ? AND policy > ? ORDER BY policy LIMIT ?',
        accessKey,
        after,
        limit,
      )
      .map((row) => textColumn(row, 'policy'));
  }

  keysOf(name: string, after: string, limit: number): string[] {
    return this.#database
      .all(
        'SELECT access_key FROM attachments WHERE policy = ? AND access_key > ? ORDER BY access_key LIMIT ?',
        name,
        after,
        limit,
      )
      .map((row) => textColumn(row, 'access_key'));
  }
}

import { DatabaseSync, type StatementSync } from 'node:sqlite';

const SCHEMA_VERSION = 1;

/**
 * Bodies of at most 64 KB live in `blobs`, larger ones are files. Listing walks the primary key of
 * `objects`;
 * `segments` stands last so that a long list of multipart pieces goes to overflow pages that a
 * listing never reads. Keys are compared as UTF-8 bytes (SQLite's BINARY), which is S3's order.
 */
const SCHEMA = `
CREATE TABLE buckets (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL,
  regions TEXT NOT NULL,
  snapshots INTEGER NOT NULL CHECK (snapshots IN (0, 1)),
  soft_delete_days INTEGER,
  notifications TEXT
) STRICT;
CREATE TABLE objects (
  bucket INTEGER NOT NULL REFERENCES buckets (id),
  key TEXT NOT NULL,
  stamp INTEGER NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  headers TEXT NOT NULL,
  checksum TEXT,
  segments TEXT NOT NULL,
  PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE history (
  bucket INTEGER NOT NULL REFERENCES buckets (id),
  key TEXT NOT NULL,
  stamp INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  expires INTEGER,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  headers TEXT NOT NULL,
  checksum TEXT,
  segments TEXT NOT NULL,
  PRIMARY KEY (bucket, key, stamp)
) STRICT, WITHOUT ROWID;
CREATE INDEX history_expires ON history (expires) WHERE expires IS NOT NULL;
CREATE TABLE snapshots (
  bucket INTEGER NOT NULL REFERENCES buckets (id),
  stamp INTEGER NOT NULL,
  name TEXT,
  PRIMARY KEY (bucket, stamp)
) STRICT, WITHOUT ROWID;
CREATE TABLE blobs (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE files (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE uploads (
  bucket INTEGER NOT NULL REFERENCES buckets (id),
  key TEXT NOT NULL,
  id TEXT NOT NULL UNIQUE,
  started INTEGER NOT NULL,
  headers TEXT NOT NULL,
  checksum_algorithm TEXT,
  checksum_type TEXT,
  PRIMARY KEY (bucket, key, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE parts (
  upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  stamp INTEGER NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  checksum TEXT,
  segments TEXT NOT NULL,
  PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE completed (
  upload TEXT PRIMARY KEY,
  bucket INTEGER NOT NULL,
  key TEXT NOT NULL,
  etag TEXT NOT NULL,
  stamp INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE access_keys (
  id TEXT PRIMARY KEY,
  secret TEXT NOT NULL,
  label TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('Active', 'Inactive')),
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE policies (
  name TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  document TEXT NOT NULL,
  description TEXT NOT NULL,
  version INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE attachments (
  access_key TEXT NOT NULL REFERENCES access_keys (id) ON DELETE CASCADE,
  policy TEXT NOT NULL REFERENCES policies (name),
  PRIMARY KEY (access_key, policy)
) STRICT, WITHOUT ROWID;
`;

type Parameter = string | number | null | Uint8Array;
export type Row = Record<string, string | number | null | Uint8Array>;

interface Waiting {
  run: () => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * The index. Writes of concurrent requests share one transaction and so one fsync (group commit):
 * each is a function that reads and writes synchronously, so its conditions hold when it writes.
 * A write is acknowledged only after the commit that carries it is on disk.
 */
export class Database {
  readonly #database: DatabaseSync;
  readonly #checkDisk: () => void;
  readonly #statements = new Map<string, StatementSync>();
  #waiting: Waiting[] = [];
  #scheduled = false;
  #closed = false;

  /**
   * Opens or creates the file.
   * @param checkDisk called before each commit; what it throws refuses every write in it
   * @throws the system's or SQLite's error when it cannot be used
   */
  constructor(path: string, checkDisk: () => void = () => undefined) {
    this.#checkDisk = checkDisk;
    this.#database = new DatabaseSync(path, { enableForeignKeyConstraints: true });
    // FULL: in WAL mode the only setting under which a commit is on disk when it returns.
    this.#database.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;' +
        'PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY;',
    );
    const version = this.get('PRAGMA user_version')?.['user_version'];
    if (version === 0) {
      this.#database.exec(`BEGIN; ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
    } else if (version !== SCHEMA_VERSION) {
      this.#database.close();
      throw new Error(`this data folder was written by another version (${String(version)})`);
    }
  }

  /**
   * Runs `work` inside the next shared transaction and resolves when it is durable. If `work`
   * throws, only its own changes are undone. If the commit fails, every write in it is refused.
   */
  write<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('the store is closed'));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run: work, resolve: resolve as (value: unknown) => void, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      // After the poll phase: every request that has already arrived joins the same commit.
      setImmediate(() => this.#commit());
    });
  }

  #commit(): void {
    this.#scheduled = false;
    const batch = this.#waiting;
    this.#waiting = [];
    const outcomes: { waiting: Waiting; value: unknown; error: unknown }[] = [];
    try {
      this.run('BEGIN IMMEDIATE');
      const [only] = batch;
      // A write that is alone needs no savepoint: if it fails, there is nothing else to keep.
      if (batch.length === 1 && only !== undefined) {
        outcomes.push({ waiting: only, value: only.run(), error: undefined });
      } else {
        for (const waiting of batch) outcomes.push(this.#runOne(waiting));
      }
      this.#checkDisk();
      this.run('COMMIT');
    } catch (error) {
      this.#rollBack();
      for (const waiting of batch) waiting.reject(error);
      return;
    }
    for (const { waiting, value, error } of outcomes) {
      if (error === undefined) waiting.resolve(value);
      else waiting.reject(error);
    }
  }

  #runOne(waiting: Waiting): { waiting: Waiting; value: unknown; error: unknown } {
    this.run('SAVEPOINT one');
    try {
      const value = waiting.run();
      this.run('RELEASE one');
      return { waiting, value, error: undefined };
    } catch (error) {
      // A full disk ends the whole transaction; then there is no savepoint left to return to.
      if (!this.#database.isTransaction) throw error;
      this.run('ROLLBACK TO one');
      this.run('RELEASE one');
      return { waiting, value: undefined, error };
    }
  }

  #rollBack(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has already rolled back; the error that led here is what the callers get.
    }
  }

  /** Whether a write is being run: what is read now may yet be undone. */
  get writing(): boolean {
    return this.#database.isTransaction;
  }

  run(sql: string, ...parameters: Parameter[]): { changes: number; lastInsertRowid: number } {
    const { changes, lastInsertRowid } = this.#statement(sql).run(...parameters);
    return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
  }

  get(sql: string, ...parameters: Parameter[]): Row | undefined {
    return this.#statement(sql).get(...parameters) as Row | undefined;
  }

  all(sql: string, ...parameters: Parameter[]): Row[] {
    return this.#statement(sql).all(...parameters) as Row[];
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** The newest stamp in the index, so that the next one is newer even if the clock went back. */
  lastStamp(): number {
    const tables = ['objects', 'history', 'snapshots', 'parts'];
    const newest = tables.map((table) => `SELECT max(stamp) AS stamp FROM ${table}`);
    const row = this.get(`SELECT max(stamp) AS stamp FROM (${newest.join(' UNION ALL ')})`);
    return Number(row?.['stamp'] ?? 0);
  }

  /** Commits what waits and closes the file; later writes are refused. */
  close(): void {
    if (this.#closed) return;
    if (this.#waiting.length > 0) this.#commit();
    this.#closed = true;
    this.#statements.clear();
    this.#database.close();
  }
}

/** Column readers: a row from our own schema has the type its column declares. */
export function textColumn(row: Row, name: string): string {
  const value = row[name];
  if (typeof value !== 'string') throw new TypeError(`column ${name} is not text`);
  return value;
}

export function integerColumn(row: Row, name: string): number {
  const value = row[name];
  if (typeof value !== 'number') throw new TypeError(`column ${name} is not an integer`);
  return value;
}

export function optionalText(row: Row, name: string): string | undefined {
  const value = row[name];
  return typeof value === 'string' ? value : undefined;
}

export function optionalInteger(row: Row, name: string): number | undefined {
  const value = row[name];
  return typeof value === 'number' ? value : undefined;
}

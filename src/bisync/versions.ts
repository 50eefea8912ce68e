/** Content of one side at one time, as a listing shows it. */
export interface Version {
  /** Bytes. */
  size: number;
  /** Hex MD5; null where it is not known (objects of multipart uploads). */
  md5: string | null;
  /** The object's ETag with its quotation marks, asked for where there is no MD5. */
  etag?: string;
}

/** What both sides last agreed on for a path. */
export interface BaselineEntry {
  size: number;
  md5: string;
  /** ETag from our own PUT or GET; null: it equals the MD5 (a listing agreed with it). */
  etag: string | null;
}

export type Baseline = ReadonlyMap<string, BaselineEntry>;
export type Listing = ReadonlyMap<string, Version>;

/** The ETag that a conditional write of this path must name. */
export function etagOf(entry: BaselineEntry): string {
  return entry.etag ?? `"${entry.md5}"`;
}

/** An entry's ETag as it is kept: nothing where the MD5 says it. */
export function keptEtag(etag: string, md5: string): string | null {
  return etag === `"${md5}"` ? null : etag;
}

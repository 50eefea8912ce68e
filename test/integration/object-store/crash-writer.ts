import type { LoadClient } from '../../bench/storage/s3-load.ts';

/** A version of an object; undefined is its absence. */
type Version = number | undefined;

interface Known {
  /** The last version that the store acknowledged. */
  acknowledged: Version;
  /** What may be there too: writes that were sent and never answered. */
  unanswered: Set<Version>;
}

const SIZES = [0, 100, 4_000, 65_536, 65_537, 300_000];

/** Bytes that tell their key, version and length, so that a torn or mixed body is seen. */
export function bodyOf(key: string, version: number): Buffer {
  const size = SIZES[version % SIZES.length] ?? 0;
  return Buffer.alloc(size, `${key}#${version}#${size};`);
}

/**
 * One client that writes to keys of its own, one request after another, and knows after a crash
 * what must be there.
 */
export class CrashWriter {
  readonly keys: string[];
  readonly #known = new Map<string, Known>();
  #version: number;
  #random: () => number;

  constructor(name: string, random: () => number) {
    this.keys = Array.from({ length: 6 }, (_, index) => `${name}/k${index}`);
    for (const key of this.keys) {
      this.#known.set(key, { acknowledged: undefined, unanswered: new Set() });
    }
    this.#version = 0;
    this.#random = random;
  }

  /** Number of acknowledged writes so far. */
  acknowledgements = 0;

  /** Writes until the store is gone. */
  async run(client: LoadClient, bucket: string): Promise<void> {
    for (;;) {
      const key = this.#pick(this.keys);
      const known = this.#of(key);
      const [version, send] = this.#choose(client, bucket, key, known);
      known.unanswered.add(version);
      try {
        if (!(await send())) continue;
      } catch {
        return;
      }
      known.acknowledged = version;
      known.unanswered.clear();
      this.acknowledgements += 1;
    }
  }

  /** The next write: mostly a PUT, sometimes a DELETE, or a multipart upload of two parts. */
  #choose(
    client: LoadClient,
    bucket: string,
    key: string,
    known: Known,
  ): [Version, () => Promise<boolean>] {
    const dice = this.#random();
    const path = `/${bucket}/${key}`;
    if (dice < 0.15)
      return [
        undefined,
        async () => (await client.exchange('DELETE', path, undefined, false)).status === 204,
      ];
    this.#version += 1;
    const version = this.#version;
    const body = bodyOf(key, version);
    if (dice < 0.25 && body.length > 0) {
      return [version, () => multipart(client, path, body)];
    }
    return [
      version,
      async () => {
        const { status } = await client.exchange('PUT', path, body, false);
        // Refused is as good as never sent: nothing of it may show.
        if (status !== 200) known.unanswered.delete(version);
        return status === 200;
      },
    ];
  }

  /** Compares what is there with what may be; then what is there is what is known. */
  async check(client: LoadClient, bucket: string): Promise<string[]> {
    const wrong: string[] = [];
    for (const key of this.keys) {
      const { status, body } = await client.exchange('GET', `/${bucket}/${key}`, undefined, true);
      const known = this.#of(key);
      const possible = [known.acknowledged, ...known.unanswered];
      const found =
        status === 404
          ? { version: undefined, ok: possible.includes(undefined) }
          : this.#recognise(key, body, possible);
      if (!found.ok) {
        wrong.push(
          `${key}: ${status}, ${body.length} bytes, expected one of ${possible.join(', ')}`,
        );
      }
      known.acknowledged = found.version;
      known.unanswered.clear();
    }
    return wrong;
  }

  #recognise(key: string, body: Buffer, possible: Version[]): { version: Version; ok: boolean } {
    for (const version of possible) {
      if (version !== undefined && bodyOf(key, version).equals(body)) return { version, ok: true };
    }
    return { version: undefined, ok: false };
  }

  /** Keys that are there by what the last check found. */
  present(): string[] {
    return this.keys.filter((key) => this.#of(key).acknowledged !== undefined);
  }

  #of(key: string): Known {
    const known = this.#known.get(key);
    if (known === undefined) throw new Error(`no such key: ${key}`);
    return known;
  }

  #pick(keys: string[]): string {
    return keys[Math.floor(this.#random() * keys.length)] ?? '';
  }
}

async function multipart(client: LoadClient, path: string, body: Buffer): Promise<boolean> {
  const created = String(await client.send('POST', `${path}?uploads=`));
  const id = /<UploadId>(.*)<\/UploadId>/.exec(created)?.[1] ?? '';
  const part = await client.exchange('PUT', `${path}?partNumber=1&uploadId=${id}`, body, false);
  if (part.status !== 200) return false;
  const listed = String(await client.send('GET', `${path}?uploadId=${id}`));
  const etag = /<ETag>(.*)<\/ETag>/.exec(listed)?.[1] ?? '';
  const document = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
  await client.send('POST', `${path}?uploadId=${id}`, Buffer.from(document));
  return true;
}

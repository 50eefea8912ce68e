import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** The checksum algorithms of the SDKs, by the name that S3 uses in headers. */
export const CHECKSUM_ALGORITHMS = ['crc32', 'crc32c', 'crc64nvme', 'sha1', 'sha256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

export interface ChecksumHasher {
  update(data: Uint8Array): void;
  /** Base64, as in `x-amz-checksum-…`. Call once. */
  digest(): string;
}

export function isChecksumAlgorithm(name: string): name is ChecksumAlgorithm {
  return (CHECKSUM_ALGORITHMS as readonly string[]).includes(name);
}

/** Number of bytes that a checksum of this algorithm has. */
export const CHECKSUM_BYTES: Record<ChecksumAlgorithm, number> = {
  crc32: 4,
  crc32c: 4,
  crc64nvme: 8,
  sha1: 20,
  sha256: 32,
};

export function checksumHasher(algorithm: ChecksumAlgorithm): ChecksumHasher {
  switch (algorithm) {
    case 'crc32':
      return new Crc32();
    case 'crc32c':
      return new Crc32c();
    case 'crc64nvme':
      return new Crc64Nvme();
    default: {
      const hash = createHash(algorithm);
      return {
        update: (data) => {
          hash.update(data);
        },
        digest: () => hash.digest('base64'),
      };
    }
  }
}

class Crc32 implements ChecksumHasher {
  #value = 0;
  update(data: Uint8Array): void {
    this.#value = crc32(data, this.#value);
  }
  digest(): string {
    return wordsToBase64(this.#value);
  }
}

function wordsToBase64(...words: number[]): string {
  const bytes = Buffer.alloc(words.length * 4);
  words.forEach((word, index) => bytes.writeUInt32BE(word >>> 0, index * 4));
  return bytes.toString('base64');
}

/** Slicing-by-4 tables of a reflected 32-bit CRC. */
function tables32(polynomial: number): Uint32Array[] {
  const tables = Array.from({ length: 4 }, () => new Uint32Array(256));
  const [first] = tables as [Uint32Array];
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1)
      value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    first[byte] = value;
  }
  for (let slice = 1; slice < 4; slice += 1) {
    const table = at(tables, slice);
    const before = at(tables, slice - 1);
    for (let byte = 0; byte < 256; byte += 1) {
      const value = entry(before, byte);
      table[byte] = (value >>> 8) ^ entry(first, value & 255);
    }
  }
  return tables;
}

function at(tables: Uint32Array[], index: number): Uint32Array {
  const table = tables[index];
  if (table === undefined) throw new RangeError('no such table');
  return table;
}

/** Indices are bytes and the tables have 256 entries; the fallback only satisfies the compiler. */
function entry(table: Uint32Array, index: number): number {
  return table[index] ?? 0;
}

/** CRC-32/ISCSI (Castagnoli), polynomial 0x1EDC6F41 reflected. */
const CASTAGNOLI = 0x82f63b78;
let castagnoliTables: Uint32Array[] | undefined;

class Crc32c implements ChecksumHasher {
  #value = 0xffffffff;
  update(data: Uint8Array): void {
    castagnoliTables ??= tables32(CASTAGNOLI);
    const [t0, t1, t2, t3] = castagnoliTables as [
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
    ];
    let crc = this.#value;
    const fours = data.length - (data.length % 4);
    let index = 0;
    for (; index < fours; index += 4) {
      crc ^=
        byte(data, index) |
        (byte(data, index + 1) << 8) |
        (byte(data, index + 2) << 16) |
        (byte(data, index + 3) << 24);
      crc =
        entry(t3, crc & 255) ^
        entry(t2, (crc >>> 8) & 255) ^
        entry(t1, (crc >>> 16) & 255) ^
        entry(t0, crc >>> 24);
    }
    for (; index < data.length; index += 1) {
      crc = (crc >>> 8) ^ entry(t0, (crc ^ byte(data, index)) & 255);
    }
    this.#value = crc;
  }
  digest(): string {
    return wordsToBase64(~this.#value);
  }
}

function byte(data: Uint8Array, index: number): number {
  return data[index] ?? 0;
}

/**
 * CRC-64/NVME, polynomial 0xAD93D23594C93659 reflected: 0x9A6C9329AC4BC9B5. Two 32-bit halves,
 * because BigInt arithmetic is a hundred times slower.
 */
const NVME_HIGH = 0x9a6c9329;
const NVME_LOW = 0xac4bc9b5;
let nvmeTables: { high: Uint32Array; low: Uint32Array } | undefined;

function makeNvmeTables(): { high: Uint32Array; low: Uint32Array } {
  const high = new Uint32Array(256);
  const low = new Uint32Array(256);
  for (let index = 0; index < 256; index += 1) {
    let h = 0;
    let l = index;
    for (let bit = 0; bit < 8; bit += 1) {
      const odd = l & 1;
      l = (l >>> 1) | ((h & 1) << 31);
      h >>>= 1;
      if (odd !== 0) {
        h ^= NVME_HIGH;
        l ^= NVME_LOW;
      }
    }
    high[index] = h;
    low[index] = l;
  }
  return { high, low };
}

class Crc64Nvme implements ChecksumHasher {
  #high = 0xffffffff;
  #low = 0xffffffff;
  update(data: Uint8Array): void {
    nvmeTables ??= makeNvmeTables();
    const { high, low } = nvmeTables;
    let h = this.#high;
    let l = this.#low;
    for (let position = 0; position < data.length; position += 1) {
      const index = (l ^ byte(data, position)) & 255;
      l = ((l >>> 8) | (h << 24)) ^ entry(low, index);
      h = (h >>> 8) ^ entry(high, index);
    }
    this.#high = h;
    this.#low = l;
  }
  digest(): string {
    return wordsToBase64(~this.#high, ~this.#low);
  }
}

import { describe, expect, it } from 'vitest';
import { checksumHasher } from '../../../src/object-store/checksums.ts';
import { checkReadConditions, checkWriteConditions } from '../../../src/object-store/conditions.ts';
import { FaultFlagError, parseFaultFlags } from '../../../src/object-store/faults.ts';
import { afterPrefix } from '../../../src/object-store/listing.ts';
import { parseFilter } from '../../../src/object-store/notification-filter.ts';
import { parseRange } from '../../../src/object-store/operations/objects.ts';
import { Stamps, stampToVersion, versionToStamp } from '../../../src/object-store/stamps.ts';
import { escapeXml, parseXml, textOf } from '../../../src/object-store/xml.ts';

describe('checksums', () => {
  // The check values of the catalogue of CRC algorithms: the CRC of "123456789".
  it.each([
    ['crc32', 'cbf43926'],
    ['crc32c', 'e3069283'],
    ['crc64nvme', 'ae8b14860a799888'],
  ] as const)('%s has its catalogued check value, however it is cut', (algorithm, expected) => {
    for (const pieces of [['123456789'], ['1', '2345', '6789'], ['12345678', '9', '']]) {
      const hasher = checksumHasher(algorithm);
      for (const piece of pieces) hasher.update(Buffer.from(piece));
      expect(Buffer.from(hasher.digest(), 'base64').toString('hex')).toBe(expected);
    }
  });
});

describe('range', () => {
  it.each([
    ['bytes=0-0', 10, { start: 0, end: 1 }],
    ['bytes=5-', 10, { start: 5, end: 10 }],
    ['bytes=5-100', 10, { start: 5, end: 10 }],
    ['bytes=-3', 10, { start: 7, end: 10 }],
    ['bytes=-30', 10, { start: 0, end: 10 }],
    ['bytes=10-', 10, 'unsatisfiable'],
    ['bytes=-0', 10, 'unsatisfiable'],
    ['bytes=0-', 0, 'unsatisfiable'],
    ['bytes=5-4', 10, undefined],
    ['bytes=0-1,3-4', 10, undefined],
    ['lines=0-1', 10, undefined],
    ['bytes=-', 10, undefined],
    [undefined, 10, undefined],
  ] as const)('%s of %i bytes', (header, size, expected) => {
    expect(parseRange(header, size)).toEqual(expected);
  });
});

describe('conditions', () => {
  const version = { etag: 'abc', stamp: Date.parse('2026-01-01T00:00:00.900Z') * 1000 };
  const at = 'Thu, 01 Jan 2026 00:00:00 GMT';
  const before = 'Wed, 31 Dec 2025 23:59:59 GMT';
  const read = (headers: Record<string, string>): string => {
    try {
      checkReadConditions(new Map(Object.entries(headers)), version);
      return 'ok';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  it.each([
    [{ 'if-match': '"abc"' }, 'ok'],
    [{ 'if-match': 'abc' }, 'ok'],
    [{ 'if-match': '*' }, 'ok'],
    [{ 'if-match': '"x", "abc"' }, 'ok'],
    [{ 'if-match': '"x"' }, 'PreconditionFailed'],
    [{ 'if-none-match': '"abc"' }, 'NotModified'],
    [{ 'if-none-match': '"x"' }, 'ok'],
    // The header has whole seconds: the object's own Last-Modified must count as unmodified.
    [{ 'if-modified-since': at }, 'NotModified'],
    [{ 'if-modified-since': before }, 'ok'],
    [{ 'if-unmodified-since': at }, 'ok'],
    [{ 'if-unmodified-since': before }, 'PreconditionFailed'],
    [{ 'if-match': '"abc"', 'if-unmodified-since': before }, 'ok'],
    [{ 'if-none-match': '"x"', 'if-modified-since': at }, 'ok'],
    [{ 'if-none-match': '"abc"', 'if-modified-since': before }, 'NotModified'],
    [{ 'if-modified-since': 'not a date' }, 'ok'],
  ])('of a read: %j → %s', (headers, expected) => {
    expect(read(headers)).toBe(expected);
  });

  it('of a write are about what is there now', () => {
    const write = (headers: Record<string, string>, current: typeof version | undefined) => () =>
      checkWriteConditions(new Map(Object.entries(headers)), () => current);
    expect(write({ 'if-none-match': '*' }, undefined)).not.toThrow();
    expect(write({ 'if-none-match': '*' }, version)).toThrow(/pre-conditions/);
    expect(write({ 'if-match': '"abc"' }, version)).not.toThrow();
    expect(write({ 'if-match': '"old"' }, version)).toThrow(/pre-conditions/);
    expect(write({ 'if-match': '"abc"' }, undefined)).toThrow(/does not exist/);
  });
});

describe('notification filter', () => {
  const passes = (filter: string | undefined, key: string) => parseFilter(filter)({ key, size: 1 });

  it('matches keys', () => {
    expect(passes(undefined, 'x')).toBe(true);
    expect(passes('WHERE `key` REGEXP "^notes/"', 'notes/a')).toBe(true);
    expect(passes('WHERE `key` REGEXP "^notes/"', 'other/notes/a')).toBe(false);
    expect(passes("WHERE `key` LIKE 'a%.md'", 'a/b.md')).toBe(true);
    expect(passes("WHERE `key` LIKE 'a_.md'", 'abc.md')).toBe(false);
    expect(passes('WHERE key NOT REGEXP "\\.tmp$"', 'a.tmp')).toBe(false);
    const both = 'WHERE `key` LIKE "a%" AND `key` != "ab" OR `key` = "z"';
    expect(['aa', 'ab', 'z', 'b'].map((key) => passes(both, key))).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it.each([
    'key = "a"',
    'WHERE size > 4',
    'WHERE `key` REGEXP "("',
    'WHERE `key` = "a" XOR',
    'WHERE',
  ])('refuses %s', (filter) => {
    expect(() => parseFilter(filter)).toThrow(/not understood/);
  });
});

describe('fault flags', () => {
  it('reads units', () => {
    expect(
      parseFaultFlags({
        'storage-latency': '40ms',
        'storage-bandwidth': '10M',
        'storage-error-rate': '1%',
        'storage-cut-rate': '0.25',
        'storage-listing-delay': '1.5s',
      }),
    ).toEqual({
      latencyMs: 40,
      bandwidth: 10_000_000,
      errorRate: 0.01,
      cutRate: 0.25,
      listingDelayMs: 1500,
    });
    expect(parseFaultFlags({})).toEqual({});
  });

  it.each([
    ['storage-latency', 'soon'],
    ['storage-latency', '-1'],
    ['storage-bandwidth', '10 apples'],
    ['storage-error-rate', '2'],
    ['storage-cut-rate', '101%'],
  ] as const)('names the flag: --%s %s', (flag, value) => {
    expect(() => parseFaultFlags({ [flag]: value })).toThrow(FaultFlagError);
    expect(() => parseFaultFlags({ [flag]: value })).toThrow(`--${flag}`);
  });
});

describe('xml', () => {
  it('keeps every character of a key through a document', () => {
    const key = 'a&b<c>"\'\t\u0001é😀]]>';
    expect(escapeXml(key)).not.toMatch(/[<>]/);
    // XML 1.0 cannot carry control characters even as references; clients ask for url encoding.
    const printable = key.replace('\u0001', '');
    expect(textOf(parseXml(`<K><V>${escapeXml(printable)}</V></K>`)?.['K'], 'V')).toBe(printable);
  });

  it('reads references as Go, Java and Python write them', () => {
    const value = textOf(parseXml('<K><V>&#34;a&#x22; &amp;lt; &apos;&#233;</V></K>')?.['K'], 'V');
    expect(value).toBe('"a" &lt; \'é');
  });

  it.each([
    '<a><b></a></b>',
    '<a>',
    'plain',
    '',
    '<a></a><b></b>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<a>1 < 2</a>',
  ])('refuses %s', (text) => {
    expect(parseXml(text)).toBeUndefined();
  });
});

describe('stamps', () => {
  it('increase even when the clock goes back', () => {
    let now = 1_700_000_000_000;
    const stamps = new Stamps({ now: () => now, sleep: () => Promise.resolve() }, 0);
    const first = stamps.next();
    now -= 1000;
    expect(stamps.next()).toBe(first + 1);
    expect(versionToStamp(stampToVersion(first))).toBe(first);
    expect(versionToStamp('tomorrow')).toBeUndefined();
  });
});

describe('the end of a prefix', () => {
  it.each([
    ['a/', 'a0'],
    ['a\u{10ffff}', 'b'],
    ['\ud7ff', '\ue000'],
    ['\u{10ffff}', undefined],
    ['é', 'ê'],
  ])('%j → %j', (prefix, expected) => {
    expect(afterPrefix(prefix)).toBe(expected);
  });
});

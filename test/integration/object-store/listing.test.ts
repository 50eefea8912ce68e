import {
  CreateBucketCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { errorOf, openStore, type TestStore } from './support.ts';

const Bucket = 'notes';

async function openWith(keys: string[]): Promise<TestStore> {
  const opened = await openStore();
  await opened.s3.send(new CreateBucketCommand({ Bucket }));
  await Promise.all(
    keys.map((Key) => opened.s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }))),
  );
  return opened;
}

const TREE = ['a.md', 'b/1.md', 'b/2.md', 'b/c/3.md', 'd/4.md', 'e.md'];

describe('listing, version 2', () => {
  it('shows folders as common prefixes', async () => {
    const { s3 } = await openWith(TREE);
    const list = async (input: object) => {
      const page = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/', ...input }));
      return {
        keys: (page.Contents ?? []).map(({ Key }) => Key),
        prefixes: (page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
      };
    };
    expect(await list({})).toEqual({ keys: ['a.md', 'e.md'], prefixes: ['b/', 'd/'] });
    expect(await list({ Prefix: 'b/' })).toEqual({
      keys: ['b/1.md', 'b/2.md'],
      prefixes: ['b/c/'],
    });
    expect(await list({ Prefix: 'b' })).toEqual({ keys: [], prefixes: ['b/'] });
    expect(await list({ Prefix: 'x' })).toEqual({ keys: [], prefixes: [] });
    expect(await list({ StartAfter: 'b/' })).toEqual({ keys: ['e.md'], prefixes: ['d/'] });
    const dot = await list({ Delimiter: '.md' });
    expect(dot.prefixes).toEqual(TREE);
  });

  it('pages to the end with keys and prefixes each once, in order', async () => {
    const { s3 } = await openWith(TREE);
    const seen: (string | undefined)[] = [];
    const pages = paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket, Delimiter: '/' });
    for await (const page of pages) {
      expect(page.KeyCount).toBe(1);
      for (const { Key } of page.Contents ?? []) seen.push(Key);
      for (const { Prefix } of page.CommonPrefixes ?? []) seen.push(Prefix);
    }
    expect(seen).toEqual(['a.md', 'b/', 'd/', 'e.md']);
  });

  it('sorts by UTF-8 bytes, not by UTF-16', async () => {
    // U+FF5E sorts before U+1F600 in UTF-8 and after its surrogates in UTF-16.
    const { s3 } = await openWith(['😀', '～', 'é', 'z', 'Z', 'a']);
    const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
    expect(Contents?.map(({ Key }) => Key)).toEqual(['Z', 'a', 'z', 'é', '～', '😀']);
  });

  it('answers fetch-owner, encoding-type, max-keys and a bad token', async () => {
    const { fetch, s3 } = await openWith(['a b&<+>\u0001', 'z']);
    const text = async (query: string) =>
      await (await fetch(`/${Bucket}?list-type=2${query}`)).text();
    expect(await text('')).not.toContain('<Owner>');
    expect(await text('&fetch-owner=true')).toContain('<Owner><ID>');
    expect(await text('&encoding-type=url')).toContain('<Key>a%20b%26%3C%2B%3E%01</Key>');
    expect(await text('')).toContain('<Key>a b&amp;&lt;+&gt;&#x1;</Key>');
    const none = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
    expect([none.KeyCount, none.IsTruncated]).toEqual([0, false]);
    const bad = new ListObjectsV2Command({ Bucket, ContinuationToken: 'made up' });
    expect(await errorOf(s3.send(bad))).toBe('InvalidArgument');
    expect(await text('&max-keys=-1')).toContain('InvalidArgument');
    expect(await text('&encoding-type=rot13')).toContain('InvalidArgument');
  });

  it('says NoSuchBucket', async () => {
    const { s3 } = await openStore();
    expect(await errorOf(s3.send(new ListObjectsV2Command({ Bucket })))).toBe('NoSuchBucket');
  });
});

describe('listing, version 1', () => {
  it('pages by marker', async () => {
    const { s3 } = await openWith(TREE);
    const seen: (string | undefined)[] = [];
    let Marker: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsCommand({ Bucket, Delimiter: '/', MaxKeys: 1, ...(Marker && { Marker }) }),
      );
      for (const { Key } of page.Contents ?? []) seen.push(Key);
      for (const { Prefix } of page.CommonPrefixes ?? []) seen.push(Prefix);
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    expect(seen).toEqual(['a.md', 'b/', 'd/', 'e.md']);
  });
});

import { describe, expect, test } from 'vitest';
import type { Configuration } from '../../../src/session/configuration.ts';
import { contextFor, normalizeServer } from '../../../src/session/settings.ts';

const context = (server: string) => ({
  server,
  tenant: { id: 't', slug: 's', name: 'S' },
  account: 'a',
});
const configuration: Configuration = {
  version: 1,
  currentContext: 'one',
  contexts: { one: context('https://one.example'), two: context('https://two.example') },
  folders: {},
};

describe('the context that is used', () => {
  test.each([
    [{}, 'one'],
    [{ context: 'two' }, 'two'],
    [{ server: 'https://two.example/' }, 'two'],
    [{ server: 'https://one.example' }, 'one'],
    [{ context: 'two', server: 'https://two.example' }, 'two'],
    [{ server: 'https://elsewhere.example' }, undefined],
  ])('%o → %s', (flags, name) => {
    expect(contextFor(configuration, flags)?.name).toBe(name);
  });

  test('a key is never sent to another server than its own', () => {
    expect(() =>
      contextFor(configuration, { context: 'two', server: 'https://one.example' }),
    ).toThrow(/two is on https:\/\/two\.example/);
  });

  test('an unknown context is an error that names those there are', () => {
    expect(() => contextFor(configuration, { context: 'three' })).toThrow(/no context three/);
  });
});

test.each([
  ['https://cloud.example/', 'https://cloud.example'],
  ['http://127.0.0.1:8787', 'http://127.0.0.1:8787'],
  ['https://cloud.example/base/', 'https://cloud.example/base'],
])('%s is the server %s', (text, url) => expect(normalizeServer(text)).toBe(url));

test.each([
  '',
  'cloud.example',
  'ftp://cloud.example',
  'https://u:p@cloud.example',
  'https://x/?q=1',
])('%j is no server', (text) => expect(() => normalizeServer(text)).toThrow());

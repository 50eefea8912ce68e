import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSection, setSection } from '../../../src/rclone/config-text.ts';

const person = `# my remotes, do not lose
; an old comment

[gdrive]
type = drive
token = {"access_token":"x=y","expiry":"2026"}   
# inside

[cloud]
type = s3
  endpoint=https://old.example
access_key_id = OLD
upload_concurrency = 8
# tuned by me

[zz]
type: alias
remote = /srv`;

describe('setSection', () => {
  test('changes its section in place and nothing else', () => {
    const after = setSection(person, 'cloud', {
      type: 's3',
      endpoint: 'https://new.example',
      region: 'auto',
      access_key_id: undefined,
    });
    expect(after).toBe(
      person
        .replace('  endpoint=https://old.example', 'endpoint = https://new.example')
        .replace('access_key_id = OLD\n', '')
        .replace('# tuned by me\n', '# tuned by me\nregion = auto\n'),
    );
  });

  test('appends a new one after a blank line, also where the last line has no end', () => {
    expect(setSection(person, 'new', { type: 's3' })).toBe(`${person}\n\n[new]\ntype = s3\n`);
    expect(setSection('', 'new', { type: 's3' })).toBe('[new]\ntype = s3\n');
  });

  test('keeps the line ends of Windows', () => {
    const text = '[a]\r\ntype = s3\r\n';
    expect(setSection(text, 'a', { type: 's3', region: 'r' })).toBe(`${text}region = r\r\n`);
    expect(setSection(text, 'b', { type: 's3' })).toBe(`${text}\r\n[b]\r\ntype = s3\r\n`);
  });

  test('a section at the very end without a line end', () => {
    expect(setSection('[a]', 'a', { k: 'v' })).toBe('[a]\nk = v\n');
    expect(setSection('[a]\nx = 1', 'a', { k: 'v' })).toBe('[a]\nx = 1\nk = v\n');
  });

  const line = fc.oneof(
    fc.constantFrom(
      '',
      '# note',
      '; note',
      '[other]',
      '[x y]',
      'type = drive',
      'a = [b]',
      '  k=v',
      'odd',
    ),
    fc.string({ maxLength: 12 }).filter((text) => !/[\r\n]/.test(text) && !text.includes('[')),
  );

  test('keeps every line of other sections, is idempotent, and can be read back', () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), fc.boolean(), (lines, hasOurs) => {
        const text = [
          ...lines,
          ...(hasOurs ? ['[ours]', 'type = s3', 'old = 1', '[after]', 'q = 1'] : []),
        ].join('\n');
        const values = { type: 's3', endpoint: 'https://e.example', old: undefined };
        const after = setSection(text, 'ours', values);
        expect(setSection(after, 'ours', values)).toBe(after);
        const section = readSection(after, 'ours');
        expect(section?.get('endpoint')).toBe('https://e.example');
        expect(section?.has('old')).toBe(false);
        const kept = after.split('\n');
        let from = 0;
        for (const each of lines) {
          const at = kept.indexOf(each, from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at + 1;
        }
      }),
    );
  });
});

import { expect, test } from 'vitest';
import { mergePath, parseRegQuery } from '../../../src/rclone/install/windows-path.ts';

test('reads what `reg query` prints', () => {
  const output =
    '\r\nHKEY_CURRENT_USER\\Environment\r\n    Path    REG_EXPAND_SZ    %USERPROFILE%\\bin;C:\\My Tools\r\n\r\n';
  expect(parseRegQuery(output)).toBe('%USERPROFILE%\\bin;C:\\My Tools');
  expect(parseRegQuery('ERROR: The system was unable to find the key.')).toBe('');
});

test("the process's own entries stay in front, variables are expanded, each folder once", () => {
  const env = { SystemRoot: 'C:\\Windows', USERPROFILE: 'C:\\Users\\me' };
  const values = [
    'D:\\mine;C:\\Windows\\',
    '%SYSTEMROOT%;%SystemRoot%\\System32',
    '%userprofile%\\bin;%nope%\\x;;',
  ];
  expect(mergePath(values, env)).toBe(
    'D:\\mine;C:\\Windows\\;C:\\Windows\\System32;C:\\Users\\me\\bin;%nope%\\x',
  );
});

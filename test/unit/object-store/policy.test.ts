import { describe, expect, it } from 'vitest';
import {
  isAllowed,
  parsePolicy,
  PolicyError,
  type PolicyContext,
} from '../../../src/object-store/policy.ts';

const NOW = Date.parse('2026-06-01T00:00:00Z');

function allowed(statement: unknown, context: Partial<PolicyContext> = {}): boolean {
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statement });
  return isAllowed(parsePolicy(document), {
    action: 's3:GetObject',
    resource: 'arn:aws:s3:::notes/a.md',
    sourceIp: '10.1.2.3',
    now: NOW,
    ...context,
  });
}

const read = { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::notes/*' };

describe('policy evaluation', () => {
  it('allows what a statement names and nothing else', () => {
    expect(allowed(read)).toBe(true);
    expect(allowed(read, { action: 's3:PutObject' })).toBe(false);
    expect(allowed(read, { resource: 'arn:aws:s3:::other/a.md' })).toBe(false);
    // The bucket itself is another resource than what is in it.
    expect(allowed(read, { resource: 'arn:aws:s3:::notes' })).toBe(false);
    expect(allowed(read, { resource: 'arn:aws:s3:::notes2/a.md' })).toBe(false);
  });

  it('lets a deny win over any allow, in either order', () => {
    const deny = { Effect: 'Deny', Action: 's3:*', Resource: 'arn:aws:s3:::notes/secret/*' };
    const secret = { resource: 'arn:aws:s3:::notes/secret/x' };
    expect(allowed([read, deny], secret)).toBe(false);
    expect(allowed([deny, read], secret)).toBe(false);
    expect(allowed([deny, read])).toBe(true);
  });

  it('takes wildcards in actions and resources', () => {
    expect(allowed({ ...read, Action: 's3:Get*' })).toBe(true);
    expect(allowed({ ...read, Action: 'S3:getobject' })).toBe(true);
    expect(allowed({ ...read, Action: '*', Resource: '*' })).toBe(true);
    expect(allowed({ ...read, Resource: 'arn:aws:s3:::notes/?.md' })).toBe(true);
    expect(allowed({ ...read, Resource: 'arn:aws:s3:::notes/?' })).toBe(false);
  });

  it('ends at the date it names', () => {
    const until = (date: string) => ({
      ...read,
      Condition: { DateLessThan: { 'aws:CurrentTime': date } },
    });
    expect(allowed(until('2026-06-01T00:00:01Z'))).toBe(true);
    expect(allowed(until('2026-06-01T00:00:00Z'))).toBe(false);
    expect(allowed(until(String(NOW / 1000 + 1)))).toBe(true);
  });

  it('compares addresses with ranges', () => {
    const from = (operator: string, range: string | string[]) => ({
      ...read,
      Condition: { [operator]: { 'aws:SourceIp': range } },
    });
    expect(allowed(from('IpAddress', '10.0.0.0/8'))).toBe(true);
    expect(allowed(from('IpAddress', ['192.168.0.0/16', '10.1.2.3']))).toBe(true);
    expect(allowed(from('IpAddress', '10.1.2.4/32'))).toBe(false);
    expect(allowed(from('NotIpAddress', '10.0.0.0/8'))).toBe(false);
    expect(allowed(from('IpAddress', '::1/128'), { sourceIp: '::1' })).toBe(true);
  });

  it('limits listings to a prefix', () => {
    const list = {
      Effect: 'Allow',
      Action: 's3:ListBucket',
      Resource: 'arn:aws:s3:::notes',
      Condition: { StringLike: { 's3:prefix': ['team/*', 'team'] } },
    };
    const ask = (prefix: string | undefined) =>
      allowed(list, { action: 's3:ListBucket', resource: 'arn:aws:s3:::notes', prefix });
    expect(ask('team/a')).toBe(true);
    expect(ask('team')).toBe(true);
    expect(ask('other/')).toBe(false);
    expect(ask('')).toBe(false);
    expect(ask(undefined)).toBe(false);
  });

  it('needs every condition of a statement', () => {
    const both = {
      ...read,
      Condition: {
        IpAddress: { 'aws:SourceIp': '10.0.0.0/8' },
        DateLessThan: { 'aws:CurrentTime': '2026-01-01T00:00:00Z' },
      },
    };
    expect(allowed(both)).toBe(false);
  });
});

describe('a policy that this store would not enforce is refused', () => {
  it.each([
    ['not JSON', '{'],
    ['another version', JSON.stringify({ Version: '2008-10-17', Statement: [read] })],
    ['no statement', JSON.stringify({ Version: '2012-10-17', Statement: [] })],
    ['an unknown action', statement({ ...read, Action: 's3:PutBucketPolicy' })],
    ['an action of another service', statement({ ...read, Action: 'iam:CreateUser' })],
    ['NotAction', statement({ Effect: 'Allow', NotAction: 's3:GetObject', Resource: '*' })],
    ['a principal', statement({ ...read, Principal: '*' })],
    ['a variable', statement({ ...read, Resource: 'arn:aws:s3:::${aws:username}/*' })],
    ['a foreign resource', statement({ ...read, Resource: 'arn:aws:sqs:::queue' })],
    [
      'an unknown condition',
      statement({ ...read, Condition: { Bool: { 'aws:SecureTransport': 'true' } } }),
    ],
    [
      'a known operator on an unknown key',
      statement({ ...read, Condition: { StringLike: { 'aws:UserAgent': 'x' } } }),
    ],
    ['no date', statement({ ...read, Condition: { DateLessThan: { 'aws:CurrentTime': 'soon' } } })],
    [
      'no address',
      statement({ ...read, Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } } }),
    ],
  ])('%s', (_what, document) => {
    expect(() => parsePolicy(document)).toThrow(PolicyError);
  });

  function statement(value: unknown): string {
    return JSON.stringify({ Version: '2012-10-17', Statement: value });
  }
});

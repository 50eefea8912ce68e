import { BlockList, isIPv4, SocketAddress } from 'node:net';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { CreateMountCredential } from '../../../src/api/contract/mount.ts';
import { canonicalRanges } from '../../../src/server/domain/source-ips.ts';

it.each([
  ['192.0.2.7', '192.0.2.7/32'],
  ['192.0.2.7/24', '192.0.2.0/24'],
  ['255.255.255.255/1', '128.0.0.0/1'],
  ['10.1.2.3/0', '0.0.0.0/0'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1/128'],
  ['2001:db8::ffff/112', '2001:db8::/112'],
  ['::/0', '::/0'],
  ['::1', '::1/128'],
  ['::ffff:10.1.2.3', '10.1.2.3/32'],
  ['::ffff:a01:203', '10.1.2.3/32'],
  ['::ffff:10.1.2.3/104', '10.0.0.0/8'],
  // Reaches beyond what is IPv4.
  ['::ffff:0:0/95', '::fffe:0:0/95'],
])('writes %s as %s', (given, written) => {
  expect(canonicalRanges([given])).toEqual([written]);
});

it('keeps the order, and none twice', () => {
  expect(canonicalRanges(['::1', '10.0.0.1/8', '10.255.0.0/8'])).toEqual(['::1/128', '10.0.0.0/8']);
});

const address = fc.oneof(fc.ipV4(), fc.ipV6());

it('means the same addresses as what was given, whatever it was, and is accepted itself', () => {
  fc.assert(
    fc.property(address, fc.nat(128), address, (start, length, asked) => {
      const given = `${start}/${isIPv4(start) ? length % 33 : length}`;
      fc.pre(CreateMountCredential.safeParse({ source_ips: [given] }).success);
      const [written = ''] = canonicalRanges([given]);
      expect(CreateMountCredential.safeParse({ source_ips: [written] }).success).toBe(true);
      expect(canonicalRanges([written])).toEqual([written]);
      for (const each of [asked, start]) {
        expect(contains(written, each), each).toBe(contains(given, each));
      }
    }),
  );
});

/** By Node's own reading, which knows IPv4 in IPv6 as well. */
function contains(range: string, asked: string): boolean {
  const [start = '', bits] = range.split('/');
  const list = new BlockList();
  list.addSubnet(new SocketAddress(familyOf(start)), Number(bits));
  return list.check(new SocketAddress(familyOf(asked)));
}

function familyOf(text: string): { address: string; family: 'ipv4' | 'ipv6' } {
  return { address: text, family: isIPv4(text) ? 'ipv4' : 'ipv6' };
}

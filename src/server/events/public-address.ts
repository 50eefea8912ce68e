import { lookup as lookUp } from 'node:dns';
import type { RequestOptions } from 'node:https';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';

/** IPv4 that is not of the public internet: RFC 6890 and what came after it. */
const PRIVATE_V4 = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE_V4.addSubnet(network, bits, 'ipv4');
}

/** Of IPv6 only global unicast is public, and of that not what leads to IPv4 or nowhere. */
const GLOBAL_V6 = new BlockList();
GLOBAL_V6.addSubnet('2000::', 3, 'ipv6');
const SPECIAL_V6 = new BlockList();
SPECIAL_V6.addSubnet('2001::', 23, 'ipv6');
SPECIAL_V6.addSubnet('2001:db8::', 32, 'ipv6');
SPECIAL_V6.addSubnet('2002::', 16, 'ipv6');
SPECIAL_V6.addSubnet('3fff::', 20, 'ipv6');

/** Whether an IP address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  if (isIPv6(address)) {
    return GLOBAL_V6.check(address, 'ipv6') && !SPECIAL_V6.check(address, 'ipv6');
  }
  return isIP(address) === 4 && !PRIVATE_V4.check(address, 'ipv4');
}

/**
 * Looks a name up for a connection and refuses it when any of its addresses is not public. The
 * connection goes to the very address that was checked, so a name that changes its mind (DNS
 * rebinding) gains nothing.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookUp(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses;
    if (error !== null || first === undefined) {
      callback(error ?? new Error(`${hostname} has no address`), '');
    } else if (!addresses.every(({ address }) => isPublicAddress(address))) {
      callback(new Error('the name leads to a private address'), '');
    } else if (options.all === true) {
      callback(null, addresses);
    } else {
      callback(null, first.address, first.family);
    }
  });
};

/**
 * How to connect to an address that somebody else has chosen: not to a private one, unless that is
 * allowed.
 *
 * @throws Error for an address that is written as a private one
 */
export function guardedConnection(
  { hostname }: URL,
  allowPrivate: boolean,
): Pick<RequestOptions, 'lookup' | 'agent'> {
  // A connection that is kept would go to an address that was checked long ago.
  if (allowPrivate) return { agent: false };
  const address = hostname.replace(/^\[|\]$/g, '');
  // A literal address is connected to without a look-up.
  if (isIP(address) !== 0 && !isPublicAddress(address)) throw new Error('a private address');
  return { agent: false, lookup: publicLookup };
}

import { isIPv4 } from 'node:net';

const IPV4_BITS = 32;
const IPV6_BITS = 128;
/** `::ffff:0:0/96`: IPv4 in the clothes of IPv6. The storage sees IPv4. */
const MAPPED = 0xffffn << 32n;

/**
 * Addresses and ranges as one writes each: with the length, without the bits beyond it, IPv6 as RFC 5952
 * has it, what is IPv4 as IPv4; no two the same. They have been checked for their form.
 */
export function canonicalRanges(ranges: readonly string[]): string[] {
  return [...new Set(ranges.map(canonicalRange))];
}

function canonicalRange(text: string): string {
  const [address = '', length] = text.split('/');
  if (isIPv4(address)) return ipv4Range(ipv4Value(address), Number(length ?? IPV4_BITS));
  const bits = Number(length ?? IPV6_BITS);
  const value = ipv6Value(address);
  const mappedBits = IPV6_BITS - IPV4_BITS;
  if (bits >= mappedBits && value >> 32n === MAPPED >> 32n) {
    return ipv4Range(value & 0xffffffffn, bits - mappedBits);
  }
  return `${ipv6Text(network(value, bits, IPV6_BITS))}/${bits}`;
}

function ipv4Range(value: bigint, bits: number): string {
  const start = network(value, bits, IPV4_BITS);
  const bytes = [24n, 16n, 8n, 0n].map((shift) => (start >> shift) & 0xffn);
  return `${bytes.join('.')}/${bits}`;
}

function network(value: bigint, bits: number, all: number): bigint {
  const beyond = BigInt(all - bits);
  return (value >> beyond) << beyond;
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** Through the URL parser, which writes IPv6 in one way: https://url.spec.whatwg.org/#concept-ipv6-serializer */
function ipv6Value(text: string): bigint {
  const [front = '', back] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::');
  const head = front === '' ? [] : front.split(':');
  const tail = back === undefined || back === '' ? [] : back.split(':');
  const zeros = new Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail].reduce(
    (value, part) => (value << 16n) | BigInt(`0x${part}`),
    0n,
  );
}

function ipv6Text(value: bigint): string {
  const parts = Array.from(
    { length: 8 },
    (_, index) => (value >> BigInt(112 - 16 * index)) & 0xffffn,
  );
  const text = parts.map((part) => part.toString(16)).join(':');
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

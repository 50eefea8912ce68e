import { BlockList, isIP } from 'node:net';

export const IP_FAMILIES = ['ipv4', 'ipv6'] as const;

/** A test for membership in `10.0.0.0/8`, `::1/128` or a single address; undefined if it is none. */
export function parseCidr(text: string): ((address: string) => boolean) | undefined {
  const [network = '', bits, ...rest] = text.split('/');
  const version = isIP(network);
  if (version === 0 || rest.length > 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  const length = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (length < 0 || length > longest) return undefined;
  const list = new BlockList();
  list.addSubnet(network, length, version === 4 ? 'ipv4' : 'ipv6');
  return (address) => {
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
}

import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { TlogError } from '../core/error.ts';

/** Addresses that are not on the public internet: RFC 6890 and its registries, and what stands for such in IPv6. */
const NOT_PUBLIC: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.88.99.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  // Only 2000::/3 is given out; within it, what carries an IPv4 address or is for documents and benchmarks.
  ['::', 3, 'ipv6'],
  ['4000::', 2, 'ipv6'],
  ['8000::', 1, 'ipv6'],
  ['2001::', 23, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['3fff::', 20, 'ipv6'],
];

/** A list each: one list would find every IPv4 address within ::/3, as ::ffff:0:0/96 stands for them. */
const blocked: Readonly<Record<'ipv4' | 'ipv6', BlockList>> = {
  ipv4: new BlockList(),
  ipv6: new BlockList(),
};
for (const [net, prefix, family] of NOT_PUBLIC) blocked[family].addSubnet(net, prefix, family);

/** Whether an address, written as a number, is on the public internet. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return version !== 0 && !blocked[family].check(address, family);
}

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly { address: string; family: number }[]>;

const systemResolve: Resolve = (hostname) => systemLookup(hostname, { all: true });

/**
 * Refuses a URL that must not be asked: other than https, with a password in it, or of an address that is not public.
 * A name is looked at when it is connected to. @throws TlogError address_refused
 */
export function checkOutboundUrl(url: URL): void {
  if (url.protocol !== 'https:') throw refused(url.host, 'it is not https');
  if (url.username !== '' || url.password !== '') throw refused(url.host, 'it has a name or password in it');
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refused(host, 'it is not a public address');
}

/**
 * A lookup for a connection: what it gives is what is connected to, so that a name cannot be a public address when it is
 * looked at and a private one when it is used. One address that is not public refuses the name.
 */
export function publicLookup(resolve: Resolve = systemResolve): LookupFunction {
  return (hostname, options, callback) => {
    const found = publicAddresses(hostname, resolve);
    const { all, family } = options;
    found.then(
      (addresses) => {
        const wanted = addresses.filter((each) => !isFamily(family) || each.family === family);
        const [first] = wanted;
        if (first === undefined) callback(refused(hostname, 'it has no address'), '', 0);
        else if (all === true) callback(null, wanted);
        else callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, '', 0),
    );
  };
}

function isFamily(family: unknown): family is 4 | 6 {
  return family === 4 || family === 6;
}

async function publicAddresses(
  hostname: string,
  resolve: Resolve,
): Promise<{ address: string; family: number }[]> {
  const addresses = await resolve(hostname);
  const inner = addresses.find(({ address }) => !isPublicAddress(address));
  if (inner !== undefined) throw refused(hostname, `its address ${inner.address} is not public`);
  return [...addresses];
}

function refused(host: string, why: string): TlogError {
  return new TlogError('address_refused', `nothing is sent to ${host}: ${why}; see allowInternal`);
}

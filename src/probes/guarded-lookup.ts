/**
 * Where a metrics source may be. It is usually on loopback or in a private network, so those are let through; an address that
 * hands out the credentials of the machine (cloud metadata, all of link-local) is refused, whatever its name says.
 */
import { lookup } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { FairleadError } from '../base/error.ts';

const refused = new BlockList();
refused.addSubnet('169.254.0.0', 16, 'ipv4');
refused.addSubnet('fe80::', 10, 'ipv6');
// Metadata outside of link-local: Alibaba, and AWS over IPv6.
refused.addAddress('100.100.100.200', 'ipv4');
refused.addAddress('fd00:ec2::254', 'ipv6');
// Addresses that carry an IPv4 one inside (NAT64, 6to4) could lead to any of the above.
refused.addSubnet('64:ff9b::', 96, 'ipv6');
refused.addSubnet('2002::', 16, 'ipv6');

/** Throws AddressRefused for a URL that names such an address itself. Names are looked at by `guardedLookup`. */
export function refuseMetadataAddress({ hostname }: URL): void {
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && isRefused(literal)) throw refusal(hostname, literal);
}

/** The system's lookup for a connection: what it answers is what is connected to, so a name cannot change in between. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '');
    const bad = addresses.find(({ address }) => isRefused(address));
    if (bad !== undefined) return callback(refusal(hostname, bad.address), '');
    if (options.all === true) return callback(null, addresses);
    callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};

function isRefused(address: string): boolean {
  return refused.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function refusal(hostname: string, address: string): FairleadError {
  const at = hostname.includes(address) ? hostname : `${hostname} is at ${address}, which`;
  return new FairleadError('AddressRefused', `${at} is a link-local or metadata address, where no metrics source is.`);
}

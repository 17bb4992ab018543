/** Which hosts are this machine itself. Pure. */

/** Whether only this machine reaches what listens there. `host`: a name or an address, one of IPv6 without brackets. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The same of the host that a URL names. */
export function isLoopbackUrl(url: URL): boolean {
  return isLoopback(url.hostname.replace(/^\[|\]$/g, ''));
}

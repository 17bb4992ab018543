/**
 * Whether a request's Host names this place. DNS rebinding (a page of a foreign name whose address turns into ours) always
 * comes with a foreign name in Host; an address in it cannot, so that other machines may be let in by address alone.
 */
import { isIP } from 'node:net';

/** The host of `HOST` or `HOST:PORT`, in lower case, IPv6 without its brackets; null when it is none. */
export function hostOf(authority: string): string | null {
  return (
    /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d+)?$/
      .exec(authority.toLowerCase())
      ?.slice(1)
      .find((part) => part !== undefined) ?? null
  );
}

/** `allowed`: names in lower case, beside addresses and `localhost`. */
export function namesThisPlace(authority: string, allowed: ReadonlySet<string>): boolean {
  const host = hostOf(authority);
  return host !== null && (host === 'localhost' || isIP(host) !== 0 || allowed.has(host));
}

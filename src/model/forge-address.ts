/** Which forge a remote's URL names, and where its pages are. Only the host and the path count; credentials never come along. Pure. */
import { isLoopbackUrl } from '../base/loopback.ts';
import type { Forge } from './source-settings.ts';

export interface ForgeAddress {
  /** Host of the web pages, with its port unless that is the usual one. */
  readonly host: string;
  /** `owner/name`, with more parts on GitLab; no `.git`. */
  readonly path: string;
}

/** Names under which forges listen for ssh where its own port is closed. */
const sshHosts: Readonly<Record<string, string>> = { 'ssh.github.com': 'github.com', 'altssh.gitlab.com': 'gitlab.com' };

/** From `https://host/path`, `ssh://user@host:port/path` or `user@host:path`; null for any other form. */
export function forgeAddress(remote: string): ForgeAddress | null {
  if (remote.includes('://')) {
    const url = URL.parse(remote);
    if (url === null) return null;
    if (url.protocol === 'https:' || url.protocol === 'http:') return addressOf(url.host, url.pathname);
    // The port is that of ssh, not of the pages.
    return url.protocol === 'ssh:' ? addressOf(url.hostname, url.pathname) : null;
  }
  const short = /^(?:[\w.+-]+@)?([\w][\w.-]*):([^/:][^:]*)$/.exec(remote);
  return short === null ? null : addressOf(short[1]!, short[2]!);
}

function addressOf(host: string, pathname: string): ForgeAddress | null {
  const path = decoded(pathname)
    .replace(/^\/+|\/+$/g, '')
    .replace(/\.git$/, '');
  if (path.split('/').length < 2 || !path.split('/').every((part) => /^[\w.~+ -]+$/.test(part) && part !== '.' && part !== '..'))
    return null;
  return { host: sshHosts[host] ?? host, path };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

/** What a host's name says of itself; null when somebody has to say it. */
export function guessForge(host: string): Forge | null {
  if (/(^|\.)github\./.test(host)) return 'github';
  if (/(^|\.)gitlab\./.test(host)) return 'gitlab';
  return /(^|\.)(gitea|forgejo|codeberg)\./.test(host) ? 'gitea' : null;
}

/** Whether a token may go there: over https, or to this machine. */
export function isForgeApi(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackUrl(url));
}

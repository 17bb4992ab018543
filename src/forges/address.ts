/** Which forge a remote's URL names, and where its pages are. Only the host and the path count; credentials never come along. Pure. */
import type { ForgeKind } from '../ports/forge.ts';

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
export function guessForge(host: string): ForgeKind | null {
  if (/(^|\.)github\./.test(host)) return 'github';
  if (/(^|\.)gitlab\./.test(host)) return 'gitlab';
  return /(^|\.)(gitea|forgejo|codeberg)\./.test(host) ? 'gitea' : null;
}

/** The page on which a person opens the pull request of a pushed branch. */
export function compareUrl(kind: ForgeKind, { host, path }: ForgeAddress, base: string, branch: string): string {
  const page = `https://${host}/${path.split('/').map(encodeURIComponent).join('/')}`;
  const refs = `${encodeRef(base)}...${encodeRef(branch)}`;
  switch (kind) {
    case 'github':
      return `${page}/compare/${refs}?expand=1`;
    case 'gitea':
      return `${page}/compare/${refs}`;
    case 'gitlab': {
      const query = new URLSearchParams({ 'merge_request[source_branch]': branch, 'merge_request[target_branch]': base });
      return `${page}/-/merge_requests/new?${query.toString()}`;
    }
  }
}

/** Where the API of that forge is. */
export function apiUrl(kind: ForgeKind, host: string): string {
  if (kind === 'github') return host === 'github.com' ? 'https://api.github.com' : `https://${host}/api/v3`;
  return `https://${host}/api/${kind === 'gitlab' ? 'v4' : 'v1'}`;
}

/** Forges take the `/` of a branch as it is. */
function encodeRef(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

/** Where a forge has its API, and the page on which a person opens a pull request. Pure. */
import type { ForgeAddress } from '../model/forge-address.ts';
import type { ForgeKind } from '../ports/forge.ts';

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

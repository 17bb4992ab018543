/** Which commit a ref means, by what the server lists. Pure. */
import { compare, satisfies, valid } from 'semver';
import type { GitRef } from '../../model/source-settings.ts';

export interface Tip {
  /** What to fetch: the whole name of the ref, or the commit. */
  readonly ref: string;
  /** What the ref points to: a commit, or an annotated tag. It changes when anything does. */
  readonly id: string;
  /** Of a range of versions: the one chosen. */
  readonly version: string | null;
}

/** Patterns for `ls-remote`; null when the server need not be asked. */
export function patternsOf(ref: GitRef): string[] | null {
  if ('branch' in ref) return [`refs/heads/${ref.branch}`];
  if ('tag' in ref) return [`refs/tags/${ref.tag}`];
  if ('semver' in ref) return ['refs/tags/*'];
  return null;
}

/** The tip among what is listed; null when it is not there. */
export function tipOf(ref: GitRef, listed: ReadonlyMap<string, string>): Tip | null {
  if ('commit' in ref) return { ref: ref.commit, id: ref.commit, version: null };
  if ('semver' in ref) return newestWithin(ref.semver, listed);
  const name = 'branch' in ref ? `refs/heads/${ref.branch}` : `refs/tags/${ref.tag}`;
  const id = listed.get(name);
  return id === undefined ? null : { ref: name, id, version: null };
}

/** The tag with the highest version; of two for one version (`v1.2.0`, `1.2.0`) the first by name. Versions before a release count only where the range names them. */
function newestWithin(range: string, listed: ReadonlyMap<string, string>): Tip | null {
  let newest: Tip | null = null;
  for (const [ref, id] of [...listed].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const version = valid(ref.slice('refs/tags/'.length));
    if (version === null || !satisfies(version, range)) continue;
    if (newest === null || compare(version, newest.version!) > 0) newest = { ref, id, version };
  }
  return newest;
}

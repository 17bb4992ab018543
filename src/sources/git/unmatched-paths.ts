/**
 * Which of the paths that a Source looks into a commit has nothing at: most likely they are misspelt, or the folder was moved. It
 * is no error, for a repository may begin empty, and a folder that holds nothing is in no commit.
 */
import { nearest } from '../../manifest/suggest.ts';
import type { UnmatchedPath } from '../../model/snapshot.ts';
import { shortId } from './commit.ts';
import type { ObjectStore } from './objects.ts';

/** In the order of `paths`. `ref`: what is followed, in words. Asks for trees alone, at the cost of the paths and not of what is under them. */
export async function unmatchedPaths(
  objects: ObjectStore,
  commit: string,
  paths: readonly string[],
  ref: string,
): Promise<UnmatchedPath[]> {
  if (paths.includes('.')) return [];
  const there = new Set(await names(objects, commit, paths));
  const missing = paths.filter((path) => !there.has(path));
  return Promise.all(
    missing.map(async (path) => {
      const near = await nearestTo(objects, commit, path);
      const hint = near === null ? '' : ` Did you mean ${near}?`;
      return { path, near, message: `The path ${path} matches nothing in commit ${shortId(commit)} (${ref}).${hint}` };
    }),
  );
}

/** What there is of nearly that name; where only folders above it are misspelt, or only itself, the rest is taken as written. null: nothing is near. */
async function nearestTo(objects: ObjectStore, commit: string, path: string): Promise<string | null> {
  let found = '';
  let changed = false;
  for (const part of path.split('/')) {
    const inside = await names(objects, commit, found === '' ? [] : [`${found}/`]);
    // Nobody means a name that cannot be seen.
    const entries = inside.map((entry) => entry.slice(entry.lastIndexOf('/') + 1)).filter((entry) => !/[\p{Cc}\p{Cf}]/u.test(entry));
    const next = entries.includes(part) ? part : nearest(part, entries);
    if (next === null) break;
    changed ||= next !== part;
    found = found === '' ? next : `${found}/${next}`;
  }
  return changed ? found : null;
}

/** Whole paths of what the commit has at these (at its root for none): of a path that ends in `/`, what is in that folder. */
async function names(objects: ObjectStore, commit: string, paths: readonly string[]): Promise<string[]> {
  const listing = await objects.text(['ls-tree', '-z', '--name-only', '--full-tree', commit, '--', ...paths]);
  return listing.split('\0').filter((name) => name !== '');
}

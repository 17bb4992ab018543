/** Which files a change may write: one judge for every kind of Source. Pure. */
import { posix } from 'node:path';
import { FairleadError } from '../base/error.ts';
import { isManifestPath } from './folder-scan.ts';

/** Throws Refused unless it is the plain path, relative to the root and inside it, of a file that a Source reads: a manifest, or Locks. */
export function refuseUnwritable(path: string): void {
  const plain = posix.normalize(path) === path && !path.startsWith('/') && !path.startsWith('..') && !/[\p{Cc}\\]/u.test(path);
  if (plain && isManifestPath(path)) return;
  throw new FairleadError('Refused', `${JSON.stringify(path)} is not a file that a source may hold.`, {
    data: { path, next: 'write manifests as .yaml or .json, in folders that are not hidden' },
  });
}

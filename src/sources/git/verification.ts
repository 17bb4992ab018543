/** Whether a commit or tag is signed by somebody who may. */
import type { ObjectStore } from './objects.ts';
import type { GitVerification } from './settings.ts';

export interface Verifier {
  /** Why the commit (reached by that tag) is not trusted; null when it is. */
  objection(commit: string, tag: string | null): Promise<string | null>;
}

export function createVerifier(verification: GitVerification | null, objects: ObjectStore, folder: string): Verifier {
  void objects;
  void folder;
  return { objection: () => Promise.resolve(verification === null ? null : 'not yet') };
}

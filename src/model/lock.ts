/** A Lock: what was approved of a Service, as the `fairlead.lock` of its Source says. Approval is a commit like any other. */

/** Name of the file; it stands in the root of a Source, for git in the root of one of its paths. */
export const lockFileName = 'fairlead.lock';

export interface Lock {
  /** Hash of the Contract that the Service is to offer. */
  readonly contract: string;
}

/** True for the path (`/` between parts) of a file of Locks. */
export function isLockPath(path: string): boolean {
  return path === lockFileName || path.endsWith(`/${lockFileName}`);
}

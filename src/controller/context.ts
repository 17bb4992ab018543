/**
 * What the parts of a controller see of it: what it knows, the ports that it was given, and the few things that only the whole can
 * do. The controller constructs its parts; none of them names it.
 */
import type { Commits } from './commits.ts';
import type { Declarations } from './declarations.ts';
import type { Loop } from './loop.ts';
import type { ControllerParts } from './parts.ts';
import type { SourceKeeper } from './source-keeper.ts';

export interface ControllerContext {
  readonly parts: ControllerParts;
  readonly epoch: number;
  readonly declarations: Declarations;
  readonly loop: Loop;
  /** By name, in the order in which they were given. */
  readonly sources: ReadonlyMap<string, SourceKeeper>;
  /** What is known of the commits that services speak of. */
  readonly commits: Commits;
  /** Throws NotFound, with the names that there are. */
  source(name: string): SourceKeeper;
  /** Deletions that somebody asked for by name: the prune guard lets them go. Kept until they have been seen. */
  approveDeletions(names: readonly string[]): Promise<void>;
  /** The deletions will not come after all. */
  withdrawApprovals(names: readonly string[]): Promise<void>;
}

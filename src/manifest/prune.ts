/** The prune guard: which deletions are too many at once to be believed. Pure. */

export interface PruneFacts {
  /** Names that are remembered and not being deleted already. */
  readonly recorded: readonly string[];
  /** Those of them that the Snapshot no longer declares, and whose deletion nobody asked for by name. */
  readonly missing: readonly string[];
  /** The Snapshot holds no manifest at all. */
  readonly empty: boolean;
}

/** A number of Services, or a share of them (0..1). */
export type MaxDeletions = { readonly count: number } | { readonly share: number };

export const defaultMaxDeletions: MaxDeletions = { share: 0.5 };

/** A share never holds fewer deletions than this: one of two Services may always go. */
const leastDeletions = 3;

/**
 * Names whose deletion is held: all that are missing, or none. A share of 1 turns the guard off, for an empty Snapshot
 * too. Example: of 10 Services 5 may go at once by default, 6 are held; of 4, 3 may go.
 */
export function heldDeletions(facts: PruneFacts, maxDeletions: MaxDeletions = defaultMaxDeletions): readonly string[] {
  if (facts.missing.length === 0) return [];
  if ('share' in maxDeletions && maxDeletions.share >= 1) return [];
  const limit =
    'count' in maxDeletions ? maxDeletions.count : Math.max(leastDeletions, Math.floor(facts.recorded.length * maxDeletions.share));
  return facts.empty || facts.missing.length > limit ? facts.missing : [];
}

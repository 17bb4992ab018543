/** The differences that a Record remembers, one of each kind: since when, and whether people are told of it yet. */
import { driftKinds, type Drift, type DriftKind, type RecordedDrift } from '../model/drift.ts';
import { wake, type Pass } from './pass.ts';

type Mark = Pick<Drift, 'message' | 'diff'> & Partial<Pick<Drift, 'since'>>;

/** How long a difference may last before it is one, and against which Plan it was found. */
interface Grace {
  readonly forMs: number;
  readonly plan: number;
}

const atOnce: Grace = { forMs: 0, plan: 0 };

/** What a kind of difference is now; null: there is none. Tells whether people are to be told. Says nothing itself. */
export function noteDrift(pass: Pass, kind: DriftKind, mark: Mark | null, grace: Grace = atOnce): 'shown' | 'over' | null {
  const { now } = pass;
  const known = driftOf(pass, kind);
  if (mark === null) {
    if (known === undefined) return null;
    replace(pass, kind, null);
    return known.shown ? 'over' : null;
  }
  // What was seen of an earlier Plan and not told of yet says nothing of this one.
  const lasts = known !== undefined && (known.shown || known.plan === grace.plan);
  const since = lasts ? Math.min(known.since, now) : (mark.since ?? now);
  const shown = (lasts && known.shown) || now - since >= grace.forMs;
  const changed = lasts && known.diff !== mark.diff;
  const sameSince = changed ? now : lasts ? Math.min(known.sameSince, now) : since;
  wake(pass, (shown ? sameSince : since) + grace.forMs);
  const next: RecordedDrift = { kind, message: mark.message, diff: mark.diff, since, plan: grace.plan, shown, sameSince };
  if (known === undefined || !isSame(known, next)) replace(pass, kind, next);
  return shown && known?.shown !== true ? 'shown' : null;
}

export function driftOf({ record }: Pass, kind: DriftKind): RecordedDrift | undefined {
  return record.drifts.find((drift) => drift.kind === kind);
}

function isSame(a: RecordedDrift, b: RecordedDrift): boolean {
  const sameWords = a.message === b.message && a.diff === b.diff;
  return sameWords && a.since === b.since && a.sameSince === b.sameSince && a.plan === b.plan && a.shown === b.shown;
}

function replace({ record }: Pass, kind: DriftKind, next: RecordedDrift | null): void {
  const drifts = record.drifts.filter((drift) => drift.kind !== kind);
  if (next !== null) drifts.push(next);
  record.drifts = drifts.sort((a, b) => driftKinds.indexOf(a.kind) - driftKinds.indexOf(b.kind));
}

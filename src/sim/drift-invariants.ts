/**
 * What must be so of drift: what the Host does otherwise than its Plan says is said once it lasts, and nothing else is. What is done
 * about it by either policy is judged in report-invariants.ts.
 */
import type { Observation } from '../model/observation.ts';
import type { ServiceRecord } from '../model/record.ts';
import { conditionOf, isLost, sameJson, type Invariant, type Judged } from './terms.ts';

/** How long the Host may take to follow a Plan. */
export const followMs = 10_000;

type Kind = 'instances' | 'routes';

/** A difference that is seen: of which Plan, since when, just what, and since when just that. */
interface Seen {
  readonly plan: number;
  readonly at: number;
  readonly what: string;
  readonly sameAt: number;
}

/** Since when (by the clock of the passes) each kind of difference has been seen of one Plan without a break; beside the heart. */
export class DriftWatch {
  private readonly since = new Map<Kind, Seen>();

  private last: ServiceRecord | null = null;

  /** Called with each pass, after the heart. */
  look({ before, after, observation, now }: Judged): void {
    // What was not stored was not seen.
    if (before !== this.last) for (const [kind, known] of this.since) this.since.set(kind, { ...known, what: '' });
    this.last = after;
    for (const kind of ['instances', 'routes'] as const) {
      const what = before === null || observation === null ? null : differenceIn(kind, before, observation);
      if (what === null) continue;
      const known = this.since.get(kind);
      const plan = before!.planGeneration;
      if (what === '') this.since.delete(kind);
      else if (known?.plan !== plan || !isNoted(kind, before!)) this.since.set(kind, { plan, at: now, what, sameAt: now });
      else if (known.what !== what) this.since.set(kind, { ...known, what, sameAt: now });
    }
  }

  /** For how long what is seen in this pass has lasted; null: there is nothing to be seen. */
  lastsMs(kind: Kind, judged: Judged): number | null {
    const known = this.seenIn(kind, judged);
    return known === null ? null : judged.now - known.at;
  }

  /** For how long it has been just what is seen in this pass. */
  sameForMs(kind: Kind, judged: Judged): number | null {
    const known = this.seenIn(kind, judged);
    return known === null ? null : judged.now - known.sameAt;
  }

  private seenIn(kind: Kind, { before, observation }: Judged): Seen | null {
    if (before === null || observation === null) return null;
    const what = differenceIn(kind, before, observation);
    return what === null || what === '' ? null : (this.since.get(kind) ?? null);
  }
}

function isNoted(kind: Kind, { drifts, planGeneration }: ServiceRecord): boolean {
  return drifts.some((drift) => drift.kind === kind && (drift.shown || drift.plan === planGeneration));
}

/** In words; empty: there is no difference; null where the Host does not speak of the Plan in force. */
function differenceIn(kind: Kind, record: ServiceRecord, seen: Observation): string | null {
  const { planGeneration, instances, route } = record;
  if (seen.planGeneration !== planGeneration) return null;
  if (kind === 'routes') {
    const late = seen.routeGeneration < planGeneration;
    return late || !sameJson(seen.routed, route?.weights ?? null) ? `routes by ${seen.routeGeneration} ${JSON.stringify(seen.routed)}` : '';
  }
  if (seen.routeGeneration < planGeneration) return null;
  const missing = instances.filter(({ id, duty }) => duty === 'serve' && !seen.instances.some((one) => one.id === id));
  return [...missing.map(({ id }) => `-${id}`), ...strangersIn(record, seen).map((id) => `+${id}`)].join(' ');
}

/** Ids of what lives on the Host and is in no Plan, sorted. */
export function strangersIn({ instances }: ServiceRecord, seen: Observation): string[] {
  const living = seen.instances.filter(({ phase }) => phase === 'starting' || phase === 'connected').map(({ id }) => id);
  return living.filter((id) => !instances.some((one) => one.id === id)).sort();
}

const whatLastsIsSaid: Invariant = (judged) => {
  const { after, world } = judged;
  if (world.clockJumped) return null;
  for (const kind of ['instances', 'routes'] as const) {
    const lastsMs = world.driftWatch.lastsMs(kind, judged);
    const shown = after.drifts.some((drift) => drift.kind === kind && drift.shown);
    if (lastsMs !== null && lastsMs >= followMs && !shown) return `${kind} differ for ${lastsMs} ms, and it is not said`;
  }
  return null;
};

/** By what the Record before remembers: when the store has been full, that is less than was seen. */
const onlyWhatLastsIsSaid: Invariant = (judged) => {
  const { before, after, now, world } = judged;
  if (world.clockJumped) return null;
  for (const kind of ['instances', 'routes'] as const) {
    const [was, is] = [before, after].map((record) => record?.drifts.find((drift) => drift.kind === kind));
    if (is?.shown !== true || was?.shown === true) continue;
    if (world.driftWatch.lastsMs(kind, judged) === null) return `${kind} are said to differ, and nobody has seen it`;
    if (was?.plan !== before?.planGeneration || now - was!.since < followMs) return `${kind} are said to differ too soon`;
  }
  return null;
};

/** What is not seen any more is not given up before it has been missed for long enough. */
const lostIsGivenTime: Invariant = ({ before, after, decision, observation, now, world }) => {
  if (before === null || world.clockJumped || before.rollout?.number !== after.rollout?.number) return null;
  const known = before.drifts.find(({ kind }) => kind === 'instances');
  for (const { id, duty } of before.instances) {
    if (duty !== 'serve' || after.instances.some((instance) => instance.id === id) || !isLost(before, observation, id)) continue;
    const wasSentAway = decision.events.some(({ reason, message }) => reason === 'InstanceStopped' && message.startsWith(`${id} `));
    const wasMissed = known?.diff.includes(`-${id} `) === true && now - known.sameSince >= followMs;
    if (!wasMissed && !wasSentAway) return `${id} is given up as soon as it is not seen`;
  }
  return null;
};

const driftedIsTrue: Invariant = ({ after }) => {
  const any = after.drifts.some(({ shown }) => shown);
  if ((conditionOf(after, 'Drifted') === 'True') !== any)
    return `Drifted ${conditionOf(after, 'Drifted')}, and ${any ? 'some is' : 'none is'} there`;
  return after.drifts.some(({ kind }) => kind === 'contract') === (after.drift !== null) ? null : 'the contract is not among what drifted';
};

/** A Plan is said again for what is shown alone, and not before half a minute has passed. */
const plansAreRepeatedWithReason: Invariant = ({ before, after, world }) => {
  if (before === null || after.planRepeatedAt === null || after.planRepeatedAt === before.planRepeatedAt) return null;
  if (!after.drifts.some(({ kind, shown }) => shown && (kind === 'instances' || kind === 'routes')))
    return 'a plan is said again for nothing';
  const at = before.planRepeatedAt;
  return at === null || world.clockJumped || after.planRepeatedAt - at >= 30_000 ? null : 'a plan is said again too soon';
};

export const driftAlways = { whatLastsIsSaid };
export const driftInvariants = { onlyWhatLastsIsSaid, lostIsGivenTime, driftedIsTrue, plansAreRepeatedWithReason };

/** What must be so of drift: what the Host does otherwise than its Plan says is said once it lasts, and nothing else is. */
import type { Observation } from '../model/observation.ts';
import type { ServiceRecord } from '../model/record.ts';
import { conditionOf, isLost, sameJson, type Invariant, type Judged } from './terms.ts';

/** How long the Host may take to follow a Plan. */
const followMs = 10_000;

type Kind = 'instances' | 'routes';

/** Since when (by the clock of the passes) each kind of difference has been seen of one Plan without a break; beside the heart. */
export class DriftWatch {
  private readonly since = new Map<Kind, { readonly plan: number; readonly at: number }>();

  /** Called with each pass, after the heart. */
  look({ before, observation, now }: Judged): void {
    for (const kind of ['instances', 'routes'] as const) {
      const differs = before === null || observation === null ? null : differsIn(kind, before, observation);
      if (differs === null) continue;
      const known = this.since.get(kind);
      if (!differs) this.since.delete(kind);
      // What was not stored was not seen.
      else if (known?.plan !== before!.planGeneration || !isNoted(kind, before!))
        this.since.set(kind, { plan: before!.planGeneration, at: now });
    }
  }

  /** For how long what is seen in this pass has lasted; null: there is nothing to be seen. */
  lastsMs(kind: Kind, { before, observation, now }: Judged): number | null {
    const known = this.since.get(kind);
    if (known === undefined || before === null || observation === null) return null;
    return differsIn(kind, before, observation) === true ? now - known.at : null;
  }
}

function isNoted(kind: Kind, { drifts, planGeneration }: ServiceRecord): boolean {
  return drifts.some((drift) => drift.kind === kind && (drift.shown || drift.plan === planGeneration));
}

/** null where the Host does not speak of the Plan in force. */
function differsIn(kind: Kind, { planGeneration, instances, route }: ServiceRecord, seen: Observation): boolean | null {
  if (seen.planGeneration !== planGeneration) return null;
  if (kind === 'routes') return seen.routeGeneration < planGeneration || !sameJson(seen.routed, route?.weights ?? null);
  if (seen.routeGeneration < planGeneration) return null;
  const living = seen.instances.filter(({ phase }) => phase === 'starting' || phase === 'connected');
  const missing = instances.some(({ id, duty }) => duty === 'serve' && !seen.instances.some((one) => one.id === id));
  return missing || living.some(({ id }) => !instances.some((one) => one.id === id));
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

const nothingIsSpared: Invariant = ({ after }) => (after.spared.length === 0 ? null : `${after.spared.join()} is left alone, by no policy`);

/** A Plan is said again for what is shown alone, and not before half a minute has passed. */
const plansAreRepeatedWithReason: Invariant = ({ before, after, world }) => {
  if (before === null || after.planRepeatedAt === null || after.planRepeatedAt === before.planRepeatedAt) return null;
  if (!after.drifts.some(({ kind, shown }) => shown && (kind === 'instances' || kind === 'routes')))
    return 'a plan is said again for nothing';
  const at = before.planRepeatedAt;
  return at === null || world.clockJumped || after.planRepeatedAt - at >= 30_000 ? null : 'a plan is said again too soon';
};

export const driftAlways = { whatLastsIsSaid };
export const driftInvariants = { onlyWhatLastsIsSaid, lostIsGivenTime, driftedIsTrue, nothingIsSpared, plansAreRepeatedWithReason };

/**
 * How a run ended, what it should have ended as, and whether two runs ended the same.
 *
 * `problems` needs no other run: given the last declaration and the Record's own history (stable, rejections), it says
 * what must be so once faults have stopped and time has passed (liveness, and "nobody is left over").
 *
 * `differences` is the differential oracle: a run with faults against its twin without. In calm runs every Change had
 * time to settle, so state, stable, rejections, the row of Verdicts, Instances, route, Synced and Ready must be equal,
 * and as many Instances of each steady Revision created when no fault touched an Instance. In storm runs, and where
 * faults did what rightly condemns a Revision (`tainted`, a clock that jumped), which Revisions were promoted or
 * rejected on the way depends on timing: then what is left to compare is what the last declaration alone decides.
 */
import type { ServiceRecord } from '../model/record.ts';
import { isApproved, mayBeTriedAgain } from './lock-invariants.ts';
import { conditionOf, goalOf, sameJson, serving, wantedOf } from './terms.ts';
import type { World } from './world.ts';

export function problems(world: World): string[] {
  const { record } = world.store;
  const { source, host } = world;
  if (record === null)
    return source.kind === 'declared' || source.kind === 'invalid' ? ['declared, and no record of it'] : leftovers(world, null);
  const found: string[] = [];
  if (!record.suspended && source.kind === 'absent') return ['deleted, and not archived'];
  if (!record.suspended && source.kind === 'declared' && record.desired?.specHash !== source.service.specHash)
    found.push('the last declaration was not taken in');
  if (record.commandId !== world.store.commands.length) found.push('a command was not taken');
  if (host === null || world.controllers.at(-1)?.alive !== true) found.push('somebody is down');
  found.push(...leftovers(world, record));
  if (record.desired !== null && host?.inForce?.generation !== record.planGeneration)
    found.push(`plan ${record.planGeneration} is not in force`);
  if (goalOf(record) === 'running') found.push(...runningProblems(world, record));
  else if (goalOf(record) === 'stopped') found.push(...stoppedProblems(record));
  found.push(...driftProblems(world, record));
  const ended = record.rolloutCount - (record.rollout === null ? 0 : 1);
  if (world.store.verdictEvents !== ended) found.push(`${ended} rollouts ended, ${world.store.verdictEvents} verdicts told`);
  return found;
}

/** What differs from the Plan may do so by policy alone, and then it is said. */
function driftProblems({ host, policies }: World, { drifts, spared }: ServiceRecord): string[] {
  const found: string[] = [];
  const weights = host?.inForce?.route?.weights ?? null;
  const routed = host?.misrouted === undefined ? weights : host.misrouted;
  const isRoutedSo = sameJson(routed, weights);
  if (!isRoutedSo && (policies.inForce === 'correct' || routed === null)) found.push('the gateway routes otherwise than its plan says');
  if (spared.length > 0 && policies.inForce === 'correct') found.push(`${spared.join(', ')} is left alone, by no policy`);
  for (const [kind, differs] of [['instances', spared.length > 0] as const, ['routes', !isRoutedSo] as const]) {
    const drift = drifts.find((one) => one.kind === kind);
    if (differs && drift?.shown !== true) found.push(`${kind} differ from the plan, and it is not said`);
    if (!differs && drift !== undefined) found.push(`${kind} are still said to differ from the plan`);
  }
  return found;
}

/** What runs on the Host is what is on record or spared, and the other way round. */
function leftovers({ host }: World, record: ServiceRecord | null): string[] {
  const living = (host?.instances ?? []).filter(({ phase }) => phase === 'starting' || phase === 'connected').map(({ id }) => id);
  const recorded = new Set((record?.instances ?? []).map(({ id }) => id));
  const found: string[] = [];
  const spared = record?.spared ?? [];
  for (const id of living) if (!recorded.has(id) && !spared.includes(id)) found.push(`${id} runs without a record`);
  for (const id of spared) if (!living.includes(id)) found.push(`${id} is left alone, and does not run`);
  if (record === null) return found;
  for (const { id } of record.instances)
    if (!living.includes(id) && !host?.instances.some((one) => one.id === id)) found.push(`${id} is on record and does not run`);
  return found;
}

function stoppedProblems(record: ServiceRecord): string[] {
  const found: string[] = [];
  if (record.instances.length > 0) found.push('instances are left of a service that should be stopped');
  if (record.rollout !== null) found.push('a rollout of a service that should be stopped');
  const state = record.desired?.state === 'Draft' ? 'Draft' : 'Inactive';
  if (record.state !== state) found.push(`state ${record.state} rather than ${state}`);
  return found;
}

/** Reasons that say nothing of how the Revision behaves; release-invariants.ts sees to it that they are true. */
const judgedElsewhere = new Set([
  'Aborted',
  'ContractBreaking',
  'ContractNotLocked',
  'ContractReview',
  'GroupRejected',
  'UnhealthyAfterPromotion',
]);

/** What a Service that should run must have come to. */
type Fate = 'serves' | 'kept-back' | 'tries' | 'waits' | 'held' | 'unsteady';

function fateOf(world: World, record: ServiceRecord): Fate {
  const { stable } = record;
  const wanted = record.desired!.revision;
  const worth = (hash: string) => world.workload.behaviours.get(hash)?.worth;
  if (stable !== null && worth(stable.hash) === 'unsteady') return 'unsteady';
  if (record.rollout !== null && isHeld(world, record)) return 'held';
  if (stable?.hash === wanted.hash) return 'serves';
  if (record.rejections.some(({ revision }) => revision === wanted.hash)) return 'kept-back';
  if (worth(wanted.hash) === 'unsteady') return 'unsteady';
  if (record.rollout === null && !dependenciesReady(world, record)) return 'waits';
  return worth(wanted.hash) === 'bad' ? 'tries' : 'serves';
}

/** Whether the Rollout under way waits for somebody, and rightly so. */
function isHeld(world: World, record: ServiceRecord): boolean {
  const { rollout, desired } = record;
  const { phase, paused, step, promoted } = rollout!;
  const { canary, blueGreen, rollback } = desired!.migration;
  if (phase === 'Gathering') return world.partner === 'moving';
  if (paused !== null || waitsForLock(world, record)) return true;
  if (!rollback.automatic && rollout!.waitsOn === 'person') return true;
  const current = canary.steps[step];
  if (phase === 'Stepping')
    return promoted !== 'full' && promoted?.step !== step && current?.type === 'pause' && current.durationMs === null;
  return phase === 'Previewing' && !blueGreen.autoPromote && promoted === null;
}

/** Whether it waits at its first deployment for somebody to approve what one of its Instances offers. */
function waitsForLock({ host }: World, record: ServiceRecord): boolean {
  const { desired, rollout } = record;
  if (rollout!.stable !== null || desired?.lock === undefined) return false;
  const offered = host?.observation().instances.flatMap(({ revision, contract }) => (revision === rollout!.target ? (contract ?? []) : []));
  return offered?.some((contract) => !isApproved(record, desired, contract)) === true;
}

function dependenciesReady(world: World, record: ServiceRecord): boolean {
  return record.desired!.dependsOn.length === 0 || world.dependencyReady;
}

function runningProblems(world: World, record: ServiceRecord): string[] {
  const found: string[] = [];
  const { stable, desired, rollout } = record;
  const fate = fateOf(world, record);
  for (const { revision, name, reason } of record.rejections) {
    const { worth } = world.workload.behaviours.get(revision)!;
    const allowed = worth !== 'good' || world.tainted.has(revision) || world.clockJumped || judgedElsewhere.has(reason);
    const late = reason === 'ProgressDeadlineExceeded' && !world.workload.calm;
    if (!allowed && !late) found.push(`${name} is good and was rejected: ${reason}`);
  }
  const byGroup = record.rejections.find(({ revision }) => revision === desired!.revision.hash)?.reason === 'GroupRejected';
  if (byGroup && world.partner !== 'rejected') found.push('it waits for a group of which nobody is rejected any more');
  if (record.rejections.some((rejection) => mayBeTriedAgain(record, rejection)))
    found.push('it is not tried again though it may be by its lock');
  if (fate === 'unsteady') return found;
  if (fate === 'held') {
    const short = stable === null || serving(record, stable.hash, true).length < wantedOf(record, stable.hash);
    const states = short ? ['Deploying', 'Updating', 'Error'] : ['Updating'];
    if (!states.includes(record.state)) found.push(`state ${record.state} while a rollout waits for somebody`);
    return found;
  }
  if (fate === 'tries') {
    if (desired!.migration.rollback.automatic && stable !== null) found.push('a bad revision is neither promoted nor rejected');
    if (rollout === null && dependenciesReady(world, record)) found.push('nothing is being tried');
    if (record.state !== (stable === null ? 'Error' : 'Updating') && record.state !== 'Deploying')
      found.push(`state ${record.state} while a bad revision is tried`);
    return found;
  }
  if (rollout !== null) found.push(`a rollout is still ${rollout.phase}`);
  if (fate === 'serves' && stable?.hash !== desired!.revision.hash) found.push('the declared revision is good and does not serve');
  const synced = conditionOf(record, 'Synced');
  const taken = record.rejections.some(({ revision }) => revision === desired!.revision.hash);
  if (world.source.kind === 'declared' && !record.suspended && (synced === 'True') !== (fate === 'serves' && !taken))
    found.push(`Synced ${synced}, fate ${fate}`);
  if (stable === null) {
    if (record.instances.length > 0) found.push('instances of nothing');
    const state = fate === 'kept-back' ? ['Error'] : ['Validating', 'Deploying'];
    if (!state.includes(record.state)) found.push(`state ${record.state} without a stable revision, fate ${fate}`);
    return found;
  }
  if (record.state !== 'Active') found.push(`state ${record.state} rather than Active`);
  const wanted = wantedOf(record, stable.hash);
  const proven = serving(record, stable.hash, true).length;
  if (proven !== wanted || record.instances.length !== wanted)
    found.push(`${proven} of ${record.instances.length} instances serve, ${wanted} wanted`);
  if (conditionOf(record, 'Ready') !== 'True') found.push('not Ready');
  if (record.leaving.length > 0) found.push('revisions are still leaving');
  const inForce = world.host?.inForce ?? null;
  if (inForce?.route?.weights[stable.hash] !== 100) found.push('the gateway does not send calls to stable');
  return found;
}

/** What is compared between a run and its twin. */
function summary(world: World): Record<string, unknown> {
  const { record } = world.store;
  const { calm } = world.workload;
  // Gone is gone, whether it was archived or never got as far as being stored.
  if (record === null) return {};
  const goal = goalOf(record);
  const common = { goal, suspended: record.suspended, desired: record.desired?.specHash ?? null, commandId: record.commandId };
  if (!calm || wasLoaded(world) || world.partnerWasRejected) {
    const fate = goal === 'running' ? fateOf(world, record) : 'stopped';
    return fate === 'serves' || fate === 'stopped' ? { ...common, ...settled(record) } : common;
  }
  const restless = goal === 'running' && ['tries', 'unsteady', 'held'].includes(fateOf(world, record));
  return {
    ...common,
    stable: record.stable?.name ?? null,
    rejections: record.rejections.map(({ name }) => name).sort(),
    verdicts: record.verdicts.map(({ result, target }) => `${result} ${target}`),
    target: record.target?.name ?? null,
    stands: record.rollout === null ? null : `${record.rollout.phase} ${record.rollout.step}`,
    stableContract: record.stableContract,
    drift: record.drift?.to ?? null,
    quarantine: record.quarantine,
    promoted: record.promoted.map(({ revision }) => revision.name),
    ...(restless ? {} : settled(record)),
  };
}

function settled(record: ServiceRecord): Record<string, unknown> {
  const condition = (type: string) => {
    const found = record.conditions.find((one) => one.type === type);
    return found === undefined ? null : `${found.status} ${found.reason}`;
  };
  return {
    state: record.state,
    instances: record.instances.map(({ revision, ordinal, duty }) => `${revision.slice(0, 8)} ${ordinal} ${duty}`).sort(),
    route: record.route,
    synced: condition('Synced'),
    ready: condition('Ready'),
  };
}

export function differences(faulty: World, twin: World): string[] {
  const found: string[] = [];
  const paused = [faulty, twin].some(({ store }) => store.record?.rollout?.paused != null);
  const mayDiffer = faulty.clockJumped || faulty.tainted.size > 0 || paused || (faulty.regressed && faulty.hurt.size > 0);
  if (!mayDiffer && !storyDependsOnTiming(faulty) && !storyDependsOnTiming(twin)) {
    const [a, b] = [summary(faulty), summary(twin)];
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const [one, other] = [JSON.stringify(a[key]), JSON.stringify(b[key])];
      if (one !== other) found.push(`${key}: ${one} with faults, ${other} without`);
    }
    if (faulty.workload.calm && faulty.faults.onInstances === 0 && !faulty.operatorActs && !wasLoaded(faulty))
      found.push(...countDifferences(faulty, twin));
  }
  return found;
}

/**
 * In a storm an abort may hit a Rollout in one run and come after it in the other, and a controller that was down may
 * have missed the last manifest that could be read, or the last moment at which a dependency was ready.
 */
function storyDependsOnTiming(world: World): boolean {
  if (wasKeptBackByOthers(world) || isLoaded(world) || wasLockedByChance(world)) return true;
  if (world.workload.calm) return false;
  const readable = world.source.kind === 'declared' || world.source.kind === 'absent';
  const waits = !world.dependencyReady && (world.store.record?.desired?.dependsOn.length ?? 0) > 0;
  const { record } = world.store;
  const held = record !== null && record.rollout !== null && isHeld(world, record);
  return !readable || waits || held || world.operatorActs || wasRejectedLate(world);
}

/** Whether a Revision is caught that is bad under load only depends on when calls came; so does all that is compared with it later. */
function wasLoaded({ workload }: World): boolean {
  return [...workload.behaviours.values()].some(({ worth }) => worth === 'loaded');
}

/** In such runs and in storms the Contract that stable has by then, and the moment at which a partner was taken back, may keep a good Revision back. */
function wasKeptBackByOthers(world: World): boolean {
  const wanted = world.store.record?.desired?.revision.hash;
  const rejection = world.store.record?.rejections.find(({ revision }) => revision === wanted);
  return (
    (!world.workload.calm || wasLoaded(world) || world.partnerWasRejected) &&
    rejection !== undefined &&
    judgedElsewhere.has(rejection.reason)
  );
}

/** Whether load tells on what is declared: how much of it comes while stable is there to be held against, and when, is a matter of faults. */
function isLoaded({ store, workload }: World): boolean {
  const desired = store.record?.desired ?? null;
  return desired !== null && workload.behaviours.get(desired.revision.hash)?.worth === 'loaded';
}

/** What is bad may be taken back for its Contract or for what it does, whichever is seen first; and no lock is exact for what drifts. */
function wasLockedByChance({ locks, drifted, store, workload }: World): boolean {
  if (locks.exact) return drifted;
  const good = new Set([...workload.behaviours].flatMap(([hash, { worth }]) => (worth === 'good' ? hash.slice(0, 8) : [])));
  const taken = store.record?.verdicts.filter(({ reason }) => reason === 'ContractNotLocked') ?? [];
  return taken.some(({ target }) => !good.has(target.slice(-8)));
}

function wasRejectedLate({ store }: World): boolean {
  return store.record?.rejections.some(({ reason }) => reason === 'ProgressDeadlineExceeded') ?? false;
}

/** Revisions whose every start succeeds are started equally often; the others are tried again at their own pace. */
function countDifferences(faulty: World, twin: World): string[] {
  const found: string[] = [];
  for (const [hash, { worth, failsFirst }] of faulty.workload.behaviours) {
    if (worth !== 'good' || failsFirst > 0) continue;
    const [one, other] = [faulty.store.createdOf.get(hash) ?? 0, twin.store.createdOf.get(hash) ?? 0];
    if (one !== other) found.push(`${one} instances of ${hash.slice(0, 8)} created with faults, ${other} without`);
  }
  return found;
}

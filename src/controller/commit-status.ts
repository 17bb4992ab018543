/**
 * What the commits of a git Source should be said to have come to: a status for each Service on the commit that changed it
 * last, and one for the whole. Pure, and level-triggered: from how everything stands now and what has been said before.
 *
 * - pending only as long as something moves by itself, or waits for a person in a Rollout. A first deployment has nothing to go
 *   back to and is tried for ever: after three failures it is one, until it starts after all;
 * - success and failure are what became of the Services that a commit changed; a manifest that does not compile fails the
 *   commit as a whole too;
 * - error is the end without a verdict: superseded by a later commit, or held back (suspended, prune guard, a dependency
 *   that nobody brings).
 *
 * Commits that were never the newest one while somebody looked are not spoken of: enabling this on a repository with a long
 * history says something of its newest commit alone.
 */
import type { Declaration } from '../model/desired.ts';
import type { Issue } from '../model/issue.ts';
import type { Rejection, ServiceRecord } from '../model/record.ts';
import type { Service } from '../model/service.ts';
import type { CommitState } from '../ports/forge.ts';

export interface ServiceFacts {
  readonly service: string;
  /** What the Source says of it. */
  readonly declaration: Declaration;
  /** Null while the heart has not looked at it yet. */
  readonly record: ServiceRecord | null;
}

/** One git Source and all Services that are its own: those it declares, and those still remembered. */
export interface SourceFacts {
  readonly source: string;
  /** The commit of the Snapshot that was compiled last; null before the first. */
  readonly commit: string | null;
  /** Every Issue of that Snapshot. */
  readonly issues: readonly Issue[];
  readonly services: readonly ServiceFacts[];
}

export interface Said {
  readonly state: CommitState;
  readonly description: string;
}

/** What has been said of one commit. */
export interface CommitSaid {
  readonly commit: string;
  readonly whole: Said;
  /** By Service. */
  readonly services: Readonly<Record<string, Said>>;
}

/** Oldest first. A commit that is left out is spoken of no more: leave out none that is pending somewhere. */
export type StatusHistory = readonly CommitSaid[];

/** What should be said now. Given again what it answered, with nothing else changed, it answers the same. */
export function commitStatuses(facts: SourceFacts, history: StatusHistory): StatusHistory {
  if (facts.commit === null) return history;
  const head = facts.commit;
  const verdicts = verdictsOf(facts, history);
  const earlier = history.filter(({ commit }) => commit !== head);
  const known = history.find(({ commit }) => commit === head) ?? { commit: head, whole: nothingYet, services: {} };
  // A commit that is the newest again (a branch that was set back) is so in this order too.
  return [...earlier, known].map((said) => commitOf(said, verdicts, facts));
}

/** Whether anything is pending of a commit. */
export function isOpen({ whole, services }: CommitSaid): boolean {
  return [whole, ...Object.values(services)].some(({ state }) => state === 'pending');
}

/** So many failures in a row end a Rollout that has something to go back to. */
const failuresThatTell = 3;

const nothingYet: Said = { state: 'pending', description: 'Read' };

/** Which commit a Service is about now, and how it stands there. */
interface Verdict {
  readonly commit: string;
  readonly said: Said;
}

function verdictsOf(facts: SourceFacts, history: StatusHistory): ReadonlyMap<string, Verdict> {
  const verdicts = new Map<string, Verdict>();
  const waiting = new Set<string>();
  for (const each of facts.services) {
    const verdict = verdictOf(each, facts, history);
    if (verdict === null) continue;
    verdicts.set(each.service, verdict);
    if (verdict.said.state === 'pending' && each.declaration.kind !== 'absent' && isWaiting(each.record)) waiting.add(each.service);
  }
  // Nobody brings what they wait for when nothing else moves.
  if ([...verdicts].some(([name, { said }]) => said.state === 'pending' && !waiting.has(name))) return verdicts;
  for (const name of waiting) {
    const { commit, said } = verdicts.get(name)!;
    verdicts.set(name, { commit, said: { state: 'error', description: `Held back: ${said.description}` } });
  }
  return verdicts;
}

function isWaiting(record: ServiceRecord | null): boolean {
  return record !== null && record.desired !== null && standing(record) === 'waiting';
}

function verdictOf(
  { service, declaration, record }: ServiceFacts,
  { commit: head, issues }: SourceFacts,
  history: StatusHistory,
): Verdict | null {
  switch (declaration.kind) {
    case 'declared':
      return declaredVerdict(declaration.service, record);
    case 'invalid': {
      const said: Said = { state: 'failure', description: invalidText(declaration.issues.length > 0 ? declaration.issues : issues) };
      return { commit: sayingCommit(history, service, said) ?? head!, said };
    }
    case 'unknown': {
      if (record === null || record.desired === null) return null;
      // The source cannot be read, or the prune guard holds the deletion. What was under way goes on and ends.
      if (standing(record) !== 'settled') return { commit: record.desired.origin.snapshot, said: saidOf(record) };
      const said: Said = { state: 'error', description: `Held back: ${declaration.reason}` };
      return { commit: sayingCommit(history, service, said) ?? head!, said };
    }
    case 'absent': {
      if (record === null) return null;
      const said: Said =
        record.suspended && !record.deleting
          ? { state: 'error', description: 'Held back: it is suspended, and is removed once it is resumed' }
          : { state: 'pending', description: 'It is being stopped' };
      return { commit: sayingCommit(history, service, said) ?? head!, said };
    }
  }
}

function declaredVerdict(declared: Service, record: ServiceRecord | null): Verdict {
  const taken = record?.desired?.specHash === declared.specHash && !record.deleting;
  // Its manifest moved, or a restart read it anew: the commit that changed it is the one that the Record knows.
  if (taken) return { commit: record.desired.origin.snapshot, said: saidOf(record) };
  const { snapshot } = declared.origin;
  if (record?.suspended === true)
    return { commit: snapshot, said: { state: 'error', description: 'Held back: it is suspended, and follows once it is resumed' } };
  return { commit: snapshot, said: { state: 'pending', description: 'It is its turn soon' } };
}

/** moving: of itself, or at a person's word in a Rollout. waiting: for other Services. */
function standing(record: ServiceRecord): 'settled' | 'rejected' | 'moving' | 'waiting' {
  const desired = record.desired!;
  if (record.rollout !== null) return 'moving';
  if (desired.state !== 'Active') return record.instances.length === 0 ? 'settled' : 'moving';
  if (record.rejections.some(({ revision }) => revision === desired.revision.hash)) return 'rejected';
  return record.stable?.hash === desired.revision.hash ? 'settled' : 'waiting';
}

function saidOf(record: ServiceRecord): Said {
  const desired = record.desired!;
  switch (standing(record)) {
    case 'moving':
      return firstFailure(record) ?? { state: 'pending', description: movingText(record) };
    case 'waiting':
      return { state: 'pending', description: messageOf(record, 'DependenciesReady') };
    case 'settled':
      return {
        state: 'success',
        description: desired.state === 'Active' ? `${desired.revision.name} serves` : 'Nothing of it runs, as declared',
      };
    case 'rejected': {
      const rejection = record.rejections.find(({ revision }) => revision === desired.revision.hash)!;
      const goesOn = record.stable === null ? '' : `; ${record.stable.name} serves on`;
      return { state: 'failure', description: `${reasonOf(rejection)}${goesOn}` };
    }
  }
}

/** Why a Revision was taken back, in the Rollout's own words, which often begin with the reason. */
export function reasonOf({ reason, message }: Rejection): string {
  return message.startsWith(`${reason}:`) ? message : `${reason}: ${message}`;
}

/** Of a first deployment that does not start; null of any other. */
function firstFailure({ stable, rollout }: ServiceRecord): Said | null {
  if (stable !== null || rollout === null || rollout.failures < failuresThatTell || rollout.lastFailure === null) return null;
  const { code, message } = rollout.lastFailure;
  return { state: 'failure', description: `${code}: ${message} Nothing of it serves; it is tried again.` };
}

function movingText({ rollout, target, conditions }: ServiceRecord): string {
  if (rollout === null) return 'It is being stopped';
  const progress = conditions.find(({ type }) => type === 'Progressing');
  return progress?.status === 'True' ? progress.message : `Rollout ${rollout.number} to ${target?.name ?? 'its target'}`;
}

function messageOf({ conditions }: ServiceRecord, type: 'DependenciesReady'): string {
  return conditions.find((condition) => condition.type === type)?.message ?? 'It waits for others';
}

function invalidText(issues: readonly Issue[]): string {
  const [first, ...more] = issues.filter(({ severity }) => severity === 'error');
  if (first === undefined) return 'Its manifest is not valid';
  return `${first.file}:${first.line}:${first.column}: ${first.message}${more.length === 0 ? '' : ` (and ${more.length} more)`}`;
}

/** The newest commit of which exactly this is said of the Service: it is about that one still. */
function sayingCommit(history: StatusHistory, service: string, { state, description }: Said): string | null {
  const said = history.findLast(({ services }) => services[service] !== undefined);
  const last = said?.services[service];
  return last?.state === state && last.description === description ? said!.commit : null;
}

function commitOf(said: CommitSaid, verdicts: ReadonlyMap<string, Verdict>, facts: SourceFacts): CommitSaid {
  const services: Record<string, Said> = {};
  for (const [name, { commit, said: now }] of verdicts) if (commit === said.commit) services[name] = now;
  const current = Object.values(services);
  if (current.length === 0 && !isOpen(said) && said.commit !== facts.commit) return said;
  for (const [name, before] of Object.entries(said.services)) services[name] ??= leftBehind(before, verdicts.get(name));
  return kept(said, { commit: said.commit, whole: wholeOf(said, current, services, facts), services });
}

/** Nothing is to be said twice because an object is another. */
function kept(before: CommitSaid, after: CommitSaid): CommitSaid {
  return JSON.stringify(before) === JSON.stringify(after) ? before : after;
}

/** A Service that is about another commit now, or about none any more. What had ended stays as it was said. */
function leftBehind(before: Said, verdict: Verdict | undefined): Said {
  if (before.state !== 'pending') return before;
  return verdict === undefined ? { state: 'success', description: 'It is gone' } : superseded(verdict.commit);
}

function superseded(by: string): Said {
  return { state: 'error', description: `superseded by ${by.slice(0, 12)}` };
}

function wholeOf(
  before: CommitSaid,
  current: readonly Said[],
  all: Readonly<Record<string, Said>>,
  { commit: head, issues }: SourceFacts,
): Said {
  const isHead = before.commit === head;
  if (!isHead && current.length === 0)
    return wasSuperseded(all) || Object.keys(all).length === 0 ? superseded(head!) : summaryOf(Object.entries(all));
  if (isHead && issues.some(({ severity }) => severity === 'error')) return { state: 'failure', description: invalidText(issues) };
  const moving = current.filter(({ state }) => state === 'pending').length;
  if (moving > 0) return { state: 'pending', description: `${current.length - moving} of ${count(current.length)} done` };
  // A commit that is the newest again is judged by what it is about now.
  if (isHead) return summaryOf(Object.entries(all).filter(([, said]) => !isSuperseded(said)));
  const others = summaryOf(Object.entries(all));
  return others.state === 'error' && wasSuperseded(all) ? superseded(head!) : others;
}

function wasSuperseded(all: Readonly<Record<string, Said>>): boolean {
  return Object.values(all).some(isSuperseded);
}

function isSuperseded({ state, description }: Said): boolean {
  return state === 'error' && description.startsWith('superseded by ');
}

/** Of Services none of which is pending. */
function summaryOf(all: readonly (readonly [string, Said])[]): Said {
  const of = (state: CommitState) => all.filter(([, said]) => said.state === state);
  for (const state of ['failure', 'error'] as const) {
    const [first, ...more] = of(state);
    if (first !== undefined)
      return { state, description: `${first[0]}: ${first[1].description}${more.length === 0 ? '' : ` (and ${more.length} more)`}` };
  }
  return { state: 'success', description: all.length === 0 ? 'Nothing that runs changes' : `${count(all.length)} as declared` };
}

function count(services: number): string {
  return services === 1 ? '1 service' : `${services} services`;
}

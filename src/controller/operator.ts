/**
 * The Admin port: what an operator asks for, checked, audited, and handed to whoever does it. Nothing here changes a live
 * service: a command is stored for the heart, a change is written to the source and comes back as a Snapshot.
 */
import { FairleadError } from '../base/error.ts';
import { hashValue } from '../base/hash.ts';
import { compareContracts } from '../core/contract/compare.ts';
import { rehearse } from '../core/rehearsal.ts';
import { applyProposal, namedServices } from '../manifest/edit.ts';
import { manifestText, maskedManifestText } from '../manifest/spec.ts';
import type { CommandKind } from '../model/command.ts';
import type { ContractComparison } from '../model/contract.ts';
import type { Declaration } from '../model/desired.ts';
import type { EventDraft } from '../model/event.ts';
import type { Issue } from '../model/issue.ts';
import type { Promotion, ServiceRecord } from '../model/record.ts';
import type { Service } from '../model/service.ts';
import type { Admin, Applied, PlanReport, Proposal, ServiceChange } from '../ports/admin.ts';
import type { Compilation } from '../ports/compiler.ts';
import type { WritableSource } from '../ports/source.ts';
import type { Controller } from './controller.ts';
import { event } from './loop.ts';
import type { SourceKeeper } from './source-keeper.ts';

/** A Proposal worked out against its source as that is now. */
interface Draft {
  readonly source: SourceKeeper;
  /** Path → text, or null to delete. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly compilation: Compilation;
  readonly changed: ReadonlyMap<string, Service>;
  /** Valid or invalid now, and no longer declared afterwards. */
  readonly gone: readonly string[];
  readonly issues: readonly Issue[];
  readonly pruneHeld: readonly string[];
  readonly token: string;
}

export class Operator implements Admin {
  readonly #controller: Controller;
  readonly #stopEverything: () => void;
  /** Writes to the source, one after the other: each is made against what the one before left. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(controller: Controller, stopEverything: () => void) {
    this.#controller = controller;
    this.#stopEverything = stopEverything;
  }

  async command(service: string, kind: CommandKind, uid: number): Promise<void> {
    const { loop, parts, epoch } = this.#controller;
    const record = this.#recordOf(service);
    const problem = whyNot(kind, record) ?? this.#ignored(kind, record);
    if (problem !== null) throw new FairleadError('Refused', problem, { data: { next: `fairlead describe service ${service}` } });
    await parts.store.addCommand(epoch, { service, kind, uid, at: parts.clock.now() });
    await loop.commanded(service);
  }

  /** What the heart would say if it ignored the Command; null when it would take it. */
  #ignored(kind: CommandKind, record: ServiceRecord): string | null {
    const { loop, parts } = this.#controller;
    const { service } = record;
    const commands = [{ id: Number.MAX_SAFE_INTEGER, service, kind, uid: 0, at: parts.clock.now() }];
    const desired = { ...loop.desiredOf(service), contracts: {}, commands };
    const { events } = parts.decide(desired, record, loop.observations.get(service) ?? null, parts.clock.now());
    return events.find(({ reason }) => reason === 'CommandIgnored')?.message ?? null;
  }

  async reconcile(source: string | null, uid: number): Promise<void> {
    if (source !== null) this.#controller.source(source);
    const what = source === null ? 'every source again and pass over every service' : `${source} again and pass over its services`;
    await this.#audit(uid, 'ReconcileRequested', `Read ${what}.`);
    await this.#controller.reconcile(source);
  }

  async suspendSource(source: string, suspended: boolean, uid: number): Promise<void> {
    await this.#controller.suspendSource(source, suspended);
    const message = suspended ? `Changes of ${source} are not read until it is resumed.` : `Changes of ${source} are read again.`;
    await this.#audit(uid, suspended ? 'SourceSuspended' : 'SourceResumed', message);
  }

  async plan(proposal: Proposal): Promise<PlanReport> {
    const draft = await this.#draft(proposal, this.#targetOf(proposal));
    const names = new Set([...draft.changed.keys(), ...draft.gone, ...this.#named(proposal, draft)]);
    return {
      token: draft.token,
      changes: await Promise.all([...names].sort().map(async (name) => this.#changeOf(name, draft))),
      issues: draft.issues,
      pruneHeld: draft.pruneHeld,
    };
  }

  async apply(proposal: Proposal, planToken: string | null, uid: number): Promise<Applied> {
    return this.#inTurn(async () => {
      if (Object.keys(proposal.files).length === 0 && !proposal.prune && proposal.deletions.length > 0) {
        const leftover = proposal.deletions.filter((name) => this.#isLeftOver(name));
        if (leftover.length === proposal.deletions.length) return this.#letGo(leftover, uid);
      }
      const draft = await this.#draft(proposal, this.#targetOf(proposal));
      if (planToken !== null && planToken !== draft.token)
        throw new FairleadError('Refused', 'The plan is stale: the source or the proposal is another by now. Plan again.');
      const errors = draft.issues.filter(({ severity }) => severity === 'error');
      if (errors.length > 0)
        throw new FairleadError('Refused', `The proposal does not compile: ${errors.length} errors.`, { data: { issues: errors } });
      if (draft.pruneHeld.length > 0)
        throw new FairleadError('Refused', `Too many at once to delete: ${draft.pruneHeld.join(', ')}. Delete them by name.`, {
          data: { pruneHeld: draft.pruneHeld },
        });
      return this.#write(draft, uid, 'ProposalApplied');
    });
  }

  async undo(service: string, toRevision: string | null, uid: number): Promise<Applied> {
    return this.#inTurn(async () => {
      const record = this.#recordOf(service);
      const { revision } = earlierPromotion(record, toRevision);
      const source = await this.#controller.parts.store.revisionSource(service, revision.hash);
      if (source === null) throw new FairleadError('NotFound', `How ${revision.name} was declared is no longer known.`);
      const proposalOf = (text: string): Proposal => ({ files: { [`${service}.yaml`]: text }, deletions: [], prune: false });
      const keeper = this.#controller.source(this.#controller.declarations.keeperOf(service) ?? record.desired?.origin.source ?? '');
      let draft = await this.#draft(proposalOf(source.text), keeper);
      // Templates may have changed since: the resolved manifest brings the exact Revision back whatever they say now.
      if (this.#declaredAfter(service, draft)?.revision.hash !== revision.hash)
        draft = await this.#draft(proposalOf(manifestText(source.resolved, keeper.state.snapshot?.root)), keeper);
      const errors = draft.issues.filter(({ severity }) => severity === 'error');
      if (errors.length > 0 || this.#declaredAfter(service, draft)?.revision.hash !== revision.hash)
        throw new FairleadError('Refused', `${revision.name} can no longer be declared as it was.`, { data: { issues: errors } });
      return this.#write(draft, uid, 'UndoRequested', service);
    });
  }

  async backup(path: string, uid: number): Promise<void> {
    await this.#controller.parts.store.backup(path);
    await this.#audit(uid, 'BackupMade', `Everything that is stored was copied to ${path}.`);
  }

  async stop(uid: number): Promise<void> {
    await this.#audit(uid, 'StopRequested', 'Everything drains and stops.');
    this.#stopEverything();
  }

  // A proposal against what is

  /** The source that a Proposal is about: the one it names, the only one there is, or the one that has what it speaks of. */
  #targetOf(proposal: Proposal): SourceKeeper {
    const keepers = [...this.#controller.sources.values()];
    if (proposal.source !== undefined) return this.#controller.source(proposal.source);
    if (keepers.length === 1) return keepers[0]!;
    const names = [...namedServices(proposal.files), ...proposal.deletions];
    const owners = new Set(names.flatMap((name) => this.#controller.declarations.keeperOf(name) ?? []));
    if (owners.size === 1) return this.#controller.source([...owners][0]!);
    const all = keepers.map(({ name }) => name).join(', ');
    const why = owners.size === 0 ? 'None of it is in a source yet' : `It is in several sources (${[...owners].sort().join(', ')})`;
    throw new FairleadError('Refused', `${why}: say which of ${all} is meant.`, { data: { next: 'add --source NAME' } });
  }

  /** A Service that goes on though no source declares it: its source is no longer configured, or its deletion is held. */
  #isLeftOver(name: string): boolean {
    const { loop, declarations } = this.#controller;
    return loop.records.get(name)?.deleting === false && !declarations.sources.some((source) => source.declares(name));
  }

  /** Deletes what no manifest has to be deleted for. */
  async #letGo(names: readonly string[], uid: number): Promise<Applied> {
    await this.#controller.approveDeletions(names);
    this.#controller.loop.queue(names);
    const changes = names.map((service) => ({ service, action: 'delete' as const }));
    await this.#audit(uid, 'ProposalApplied', `No source declares them any more: ${summary(changes)}.`);
    return { snapshot: '', changes, files: [] };
  }

  async #draft(proposal: Proposal, source: SourceKeeper): Promise<Draft> {
    const { parts, loop, declarations } = this.#controller;
    const { state, declared, name: sourceName } = source;
    const { snapshot } = state;
    if (snapshot === null)
      throw new FairleadError('Refused', `The source has not been read${declared.failure === null ? ' yet' : `: ${declared.failure}`}.`);
    const { files, prunes } = applyProposal(snapshot.files, proposal);
    const compilation = await source.parts.compiler.preview(files);
    const after = new Set([...compilation.valid, ...Object.keys(compilation.invalid)]);
    const gone = [...declared.names()].filter((name) => !after.has(name)).sort();
    const deleted = new Set(proposal.deletions);
    const alone = this.#controller.sources.size === 1;
    const recorded = [...loop.records.values()]
      .filter(({ deleting, desired }) => !deleting && (alone || desired?.origin.source === sourceName))
      .map(({ service }) => service);
    const missing = gone.filter((name) => prunes.includes(name) && !deleted.has(name));
    const issues = compilation.issues.filter((issue) => issue.file in files || newlyInvalid(issue, compilation, source));
    const elsewhere = compilation.changed.flatMap((service) => keptElsewhere(service, sourceName, declarations.keeperOf(service.name)));
    return {
      source,
      files,
      compilation,
      changed: new Map(compilation.changed.map((service) => [service.name, service])),
      gone,
      issues: [...issues, ...elsewhere],
      pruneHeld: missing.length === 0 ? [] : parts.guardPrune({ recorded: recorded.sort(), missing, empty: compilation.empty }),
      token: hashValue({ source: sourceName, snapshot: snapshot.id, proposal }).slice(0, 16),
    };
  }

  async #write(draft: Draft, uid: number, reason: string, service: string | null = null): Promise<Applied> {
    const names = [...new Set([...draft.changed.keys(), ...draft.gone])].sort();
    const changes = names.map((name) => ({ service: name, action: this.#actionOf(name, draft) }));
    const { source } = draft;
    if (Object.keys(draft.files).length === 0) return { snapshot: source.declared.snapshot!, changes, files: [] };
    if (source.declared.suspended)
      throw new FairleadError('Refused', `${source.name} is suspended: nothing written to it would be read. Resume it first.`);
    const writable = writableOf(source);
    await this.#controller.approveDeletions(draft.gone);
    let snapshot: string;
    try {
      snapshot = await writable.write(draft.files);
    } catch (thrown) {
      await this.#controller.withdrawApprovals(draft.gone);
      throw thrown;
    }
    // The next proposal is to be made against what this one left.
    await source.settled();
    const files = Object.keys(draft.files).sort();
    await this.#audit(uid, reason, `Wrote ${files.join(', ')}: ${summary(changes)}.`, { service, snapshot });
    return { snapshot, changes, files };
  }

  #named(proposal: Proposal, draft: Draft): readonly string[] {
    const files = new Set([...Object.keys(draft.files), ...Object.keys(proposal.files)]);
    const valid = new Set(draft.compilation.valid);
    return [...draft.source.declared.valid()].filter(
      (name) => valid.has(name) && files.has(draft.source.declared.service(name)!.origin.file),
    );
  }

  #actionOf(name: string, draft: Draft): ServiceChange['action'] {
    if (draft.gone.includes(name)) return 'delete';
    const before = draft.source.declared.service(name);
    if (before === null) return draft.changed.has(name) ? 'create' : 'unchanged';
    return draft.changed.has(name) && draft.changed.get(name)!.specHash !== before.specHash ? 'update' : 'unchanged';
  }

  async #changeOf(name: string, draft: Draft): Promise<ServiceChange> {
    const { loop, parts } = this.#controller;
    const before = draft.source.declared.service(name);
    const root = draft.source.state.snapshot?.root;
    const after = draft.gone.includes(name) ? null : (draft.changed.get(name) ?? before);
    const action = this.#actionOf(name, draft);
    const record = loop.records.get(name) ?? null;
    const stable = record?.stable ?? null;
    const dependants = loop.dependantsOf(name);
    const declaration: Declaration = after === null ? { kind: 'absent' } : { kind: 'declared', service: after };
    const desired = { ...loop.desiredOf(name, declaration), contracts: {}, commands: [] };
    const steps =
      action === 'unchanged' ? [] : rehearse(parts.decide, desired, record, loop.observations.get(name) ?? null, parts.clock.now());
    return {
      service: name,
      action,
      before: before === null ? '' : maskedManifestText(before, root),
      after: after === null ? '' : maskedManifestText(after, root),
      revision: {
        stable: stable?.name ?? null,
        target: after?.revision.name ?? null,
        rollout: after !== null && after.state === 'Active' && after.revision.hash !== stable?.hash,
      },
      strategy: after?.migration.strategy ?? '',
      steps,
      contract: action === 'update' ? await this.#compared(record, after) : null,
      dependants,
      warnings: warningsOf(action, after, record, dependants),
    };
  }

  /** What clients of stable would see; known when the target was promoted before, for then its Contract is remembered. */
  async #compared(record: ServiceRecord | null, after: Service | null): Promise<ContractComparison | null> {
    const { store } = this.#controller.parts;
    const target = after?.revision.hash;
    const known = record?.promoted.find(({ revision }) => revision.hash === target)?.contract ?? null;
    if (record === null || record.stableContract === null || known === null || target === record.stable?.hash) return null;
    const [from, to] = [await store.contract(record.stableContract), await store.contract(known)];
    return from === null || to === null ? null : compareContracts(from, to);
  }

  #declaredAfter(service: string, { changed, compilation, source }: Draft): Service | null {
    if (!compilation.valid.includes(service)) return null;
    return changed.get(service) ?? source.declared.service(service);
  }

  // Small things

  #recordOf(service: string): ServiceRecord {
    const record = this.#controller.loop.records.get(service);
    if (record === undefined) throw new FairleadError('NotFound', `There is no service ${service}.`);
    return record;
  }

  async #audit(uid: number, reason: string, message: string, more: { service?: string | null; snapshot?: string } = {}): Promise<void> {
    const actor: EventDraft['actor'] = `uid:${uid}`;
    const { service = null, snapshot = null } = more;
    await this.#controller.loop.append([
      event(this.#controller.parts.clock.now(), 'Normal', reason, message, service, { snapshot, actor }),
    ]);
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** An Issue outside of the files of the proposal counts when it makes a Service invalid that was not: a template, a dependency. */
function newlyInvalid({ subject }: Issue, { invalid }: Compilation, { declared }: SourceKeeper): boolean {
  return subject !== undefined && Object.hasOwn(invalid, subject) && declared.service(subject) !== null;
}

/** The way of a Service that moves, its new place first; anybody else should know that nothing comes of it. */
function keptElsewhere({ name, origin: { file, line } }: Service, source: string, keeper: string | null): Issue[] {
  if (keeper === null || keeper === source) return [];
  const message = `The Service \`${name}\` runs from source ${keeper}; it is not taken from ${source} until it is gone there.`;
  return [{ code: 'DuplicateService', severity: 'warning', message, file, line, column: 1, path: 'metadata.name', subject: name }];
}

function writableOf({ name, parts: { source } }: SourceKeeper): WritableSource {
  if ('write' in source) return source;
  throw new FairleadError('Refused', `Nothing can be written to ${name} from here.`, {
    data: { next: 'commit the change to its repository' },
  });
}

const ofRollout: ReadonlySet<CommandKind> = new Set(['abort', 'pause-rollout', 'resume-rollout', 'promote', 'promote-full']);

function whyNot(kind: CommandKind, record: ServiceRecord): string | null {
  const { rollout } = record;
  if (ofRollout.has(kind) && rollout === null) return `${record.service} has no rollout under way.`;
  if (kind === 'pause-rollout' && rollout!.paused !== null) return `The rollout of ${record.service} is paused already.`;
  if (kind === 'resume-rollout' && rollout!.paused === null && rollout!.waitsOn !== 'person')
    return `The rollout of ${record.service} is not paused.`;
  if (kind === 'suspend' && record.suspended) return `${record.service} is suspended already.`;
  const rejected = record.rejections.some(({ revision }) => revision === record.desired?.revision.hash);
  if (kind === 'retry' && !rejected && record.restarts.length === 0)
    return `${record.service} has nothing to try again: what is declared was not rejected, and nothing waits in back-off.`;
  if (kind === 'resume' && !record.suspended) return `${record.service} is not suspended.`;
  return null;
}

/** The promoted Revision of that name or hash (or its beginning); without one, the newest that is not the declared one. */
function earlierPromotion(record: ServiceRecord, wanted: string | null): Promotion {
  const found = record.promoted.find(({ revision: { name, hash } }) =>
    wanted === null ? hash !== record.desired?.revision.hash : name === wanted || (wanted.length >= 8 && hash.startsWith(wanted)),
  );
  if (found !== undefined) return found;
  const known = record.promoted.map(({ revision }) => revision.name).join(', ');
  throw new FairleadError(
    'NotFound',
    wanted === null
      ? `${record.service} has no earlier revision to go back to.`
      : `${record.service} never promoted ${wanted}, or long ago; known: ${known === '' ? 'none' : known}.`,
    { data: { next: `fairlead rollout history ${record.service}` } },
  );
}

function warningsOf(
  action: ServiceChange['action'],
  after: Service | null,
  record: ServiceRecord | null,
  dependants: readonly string[],
): readonly string[] {
  const warnings: string[] = [];
  if (action === 'delete' && dependants.length > 0) warnings.push(`${dependants.join(', ')} depend on it and will wait.`);
  if (after !== null && action !== 'unchanged' && record?.suspended)
    warnings.push('It is suspended: nothing happens before it is resumed.');
  const rejection = record?.rejections.find(({ revision }) => revision === after?.revision.hash);
  if (rejection !== undefined && action !== 'unchanged')
    warnings.push(`${rejection.name} was tried and taken back (${rejection.reason}); it is not tried again without \`rollout retry\`.`);
  if (action === 'update' && record !== null && record.rollout !== null)
    warnings.push('A rollout is under way; this change supersedes it.');
  return warnings;
}

function summary(changes: Applied['changes']): string {
  const changed = changes.filter(({ action }) => action !== 'unchanged').map(({ service, action }) => `${action} ${service}`);
  return changed.length === 0 ? 'nothing that runs changes' : changed.join(', ');
}

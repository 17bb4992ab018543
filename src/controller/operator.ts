/**
 * The Admin port: what an operator asks for, checked, audited, and handed to whoever does it. Nothing here changes a live
 * service: a command is stored for the heart, a change is written to the source and comes back as a Snapshot.
 */
import { FairleadError } from '../base/error.ts';
import { plural } from '../base/plural.ts';
import { namedServices } from '../manifest/edit.ts';
import type { CommandKind } from '../model/command.ts';
import type { Promotion, ServiceRecord } from '../model/record.ts';
import type { Admin, Applied, Declared, LockReport, LockRequest, PlanReport, Proposal, Writing } from '../ports/admin.ts';
import { AsAsked } from './as-asked.ts';
import type { Controller } from './controller.ts';
import { refuseElsewhere } from './drafts.ts';
import { lockDraft } from './lock.ts';
import type { SourceKeeper } from './source-keeper.ts';
import { sourceOf, takenBack, wayBack } from './way-back.ts';
import { nothingToWrite, summary, type Wanted } from './writer.ts';

export class Operator implements Admin {
  readonly #controller: Controller;
  readonly #stopEverything: () => void;

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
    const desired = { ...loop.desiredOf(service, commands), contracts: {} };
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
    const { drafts } = this.#controller;
    return drafts.report(await drafts.of(proposal, this.#targetOf(proposal)));
  }

  async declared(service: string): Promise<Declared> {
    const { declarations, sources, commits } = this.#controller;
    const declaration = declarations.of(service);
    const from = declaration.kind === 'declared' ? declaration.service.origin.source : null;
    // What was written last may be what could not be compiled, or what has not been read yet.
    const mayHaveMore = [...sources.values()].filter(({ name }) => from === null || name === from);
    if (mayHaveMore.some(({ declared }) => declared.failure !== null)) return { kind: 'unknown' };
    if (declaration.kind !== 'declared') return { kind: declaration.kind };
    const { origin, specHash, revision } = declaration.service;
    const { source, file, snapshot } = origin;
    return { kind: 'declared', source, file, snapshot, commit: commits.known.get(snapshot) ?? null, specHash, revision: revision.name };
  }

  async apply(proposal: Proposal, planToken: string | null, writing: Writing, uid: number): Promise<Applied> {
    const { drafts, writer } = this.#controller;
    const onlyDeletes = Object.keys(proposal.files).length === 0 && !proposal.prune && proposal.deletions.length > 0;
    if (onlyDeletes && proposal.deletions.every((name) => this.#isLeftOver(name))) return this.#letGo(proposal.deletions, writing, uid);
    const wanted: Wanted = { verb: onlyDeletes ? 'delete' : 'apply', uid, writing, planToken, reason: 'ProposalApplied', service: null };
    const source = this.#targetOf(proposal);
    const { deletions } = proposal;
    const asked = new AsAsked(source, deletions, this.#controller.commits);
    return writer.write(wanted, source, async () => {
      const left = deletions.filter((name) => !asked.isGone(name));
      if (onlyDeletes && left.length === 0) return nothingToWrite(source, deletions);
      for (const name of left) asked.refuseOther(name, 'its deletion');
      const draft = await drafts.of({ ...proposal, deletions: left }, source);
      if (planToken !== null && planToken !== draft.token)
        throw new FairleadError('Refused', 'The plan is stale: the source or the proposal is another by now.', {
          data: { next: 'look again with `fairlead plan`, and give the token that it prints' },
        });
      refuseElsewhere(draft);
      const errors = draft.issues.filter(({ severity }) => severity === 'error');
      if (errors.length > 0)
        throw new FairleadError('Refused', `The proposal does not compile: ${plural(errors.length, 'error')}.`, {
          data: { issues: errors, next: 'mend what is named; `fairlead validate` says more of each' },
        });
      if (draft.pruneHeld.length > 0)
        throw new FairleadError('Refused', `Too many at once to delete: ${draft.pruneHeld.join(', ')}. Delete them by name.`, {
          data: { pruneHeld: draft.pruneHeld },
        });
      return drafts.worked(draft);
    });
  }

  async undo(service: string, toRevision: string | null, writing: Writing, uid: number): Promise<Applied> {
    const wanted: Wanted = { verb: 'undo', uid, writing, planToken: null, reason: 'UndoRequested', service };
    const { drafts, writer, commits } = this.#controller;
    const asking = this.#recordOf(service);
    const source = sourceOf(this.#controller, asking);
    // Of two who undo the same, the second goes where it meant to go, and not on from there.
    const { revision } = earlierPromotion(asking, toRevision);
    const leaves = asking.desired?.revision.hash;
    const asked = new AsAsked(source, [service], commits);
    return writer.write(wanted, source, async () => {
      const isThere = source.declared.service(service)?.revision.hash === revision.hash;
      if (isThere && leaves !== revision.hash) return nothingToWrite(source, [service]);
      asked.refuseOther(service, `its undo to ${revision.name}`);
      const record = this.#recordOf(service);
      const draft = await wayBack(this.#controller, service, revision, source);
      const commit = takenBack(this.#controller, record);
      const body = commit === null ? '' : `This takes back commit ${commit}.`;
      return drafts.worked(draft, body, `Undo ${service} to ${revision.name}`);
    });
  }

  async planLock(request: LockRequest): Promise<LockReport> {
    return (await lockDraft(this.#controller, request, this.#sourceOf(request.services, request.source))).report;
  }

  async lock(request: LockRequest, planToken: string | null, writing: Writing, uid: number): Promise<Applied> {
    const [only, second] = request.services;
    const service = second === undefined ? (only ?? null) : null;
    const wanted: Wanted = { verb: 'lock', uid, writing, planToken, reason: 'LockWritten', service };
    const source = this.#sourceOf(request.services, request.source);
    return this.#controller.writer.write(wanted, source, async () => {
      const { report, worked } = await lockDraft(this.#controller, request, source);
      if (planToken !== null && planToken !== report.token)
        throw new FairleadError('Refused', 'What would be locked is not what was looked at any more. Look again.');
      return worked;
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

  #targetOf({ files, deletions, source }: Proposal): SourceKeeper {
    return this.#sourceOf([...namedServices(files), ...deletions], source);
  }

  /** The source that is meant: the one that is named, the only one there is, or the one that has what is spoken of. */
  #sourceOf(names: readonly string[], source: string | undefined): SourceKeeper {
    const keepers = [...this.#controller.sources.values()];
    if (source !== undefined) return this.#controller.source(source);
    if (keepers.length === 1) return keepers[0]!;
    const owners = new Set(names.flatMap((name) => this.#controller.declarations.keeperOf(name) ?? []));
    if (owners.size === 1) return this.#controller.source([...owners][0]!);
    const all = keepers.map(({ name }) => name).join(', ');
    const none = names.length === 0 ? 'There is more than one source' : 'None of it is in a source yet';
    const why = owners.size === 0 ? none : `It is in several sources (${[...owners].sort().join(', ')})`;
    throw new FairleadError('Refused', `${why}: say which of ${all} is meant.`, { data: { next: 'add --source NAME' } });
  }

  /** A Service that goes on though no source declares it: its source is no longer configured, or its deletion is held. */
  #isLeftOver(name: string): boolean {
    const { loop, declarations } = this.#controller;
    return loop.records.get(name)?.deleting === false && !declarations.sources.some((source) => source.declares(name));
  }

  /** Deletes what no manifest has to be deleted for. */
  async #letGo(names: readonly string[], { propose }: Writing, uid: number): Promise<Applied> {
    if (propose !== false)
      throw new FairleadError(
        'Refused',
        `No source declares ${names.join(', ')} any more: there is no manifest whose end could be proposed.`,
        {
          data: { next: 'leave --propose out' },
        },
      );
    await this.#controller.approveDeletions(names);
    this.#controller.loop.queue(names);
    const changes = names.map((service) => ({ service, action: 'delete' as const, specHash: null }));
    await this.#audit(uid, 'ProposalApplied', `No source declares them any more: ${summary(changes)}.`);
    return { snapshot: '', changes, files: [], proposed: null };
  }

  // Small things

  #recordOf(service: string): ServiceRecord {
    const record = this.#controller.loop.records.get(service);
    if (record === undefined)
      throw new FairleadError('NotFound', `There is no service ${service}.`, { data: { next: 'fairlead get services' } });
    return record;
  }

  async #audit(uid: number, reason: string, message: string): Promise<void> {
    await this.#controller.writer.audit({ uid, reason, service: null }, message, null);
  }
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

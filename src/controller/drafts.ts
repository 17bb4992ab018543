/**
 * What a Proposal comes to: the files that it would leave behind, the Services that they declare, and what the heart would
 * do about each. Everything is worked out against a Source as it is now, and nothing is changed by it.
 */
import { FairleadError } from '../base/error.ts';
import { hashValue } from '../base/hash.ts';
import { compareContracts } from '../core/contract/compare.ts';
import { rehearse } from '../core/rehearsal.ts';
import { applyProposal, namedServices } from '../manifest/edit.ts';
import { maskedManifestText } from '../manifest/spec.ts';
import type { ContractComparison } from '../model/contract.ts';
import type { Declaration } from '../model/desired.ts';
import type { Issue } from '../model/issue.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Service } from '../model/service.ts';
import type { Applied, PlanReport, Proposal, ServiceChange } from '../ports/admin.ts';
import type { Compilation } from '../ports/compiler.ts';
import type { ControllerContext } from './context.ts';
import type { SourceKeeper } from './source-keeper.ts';
import type { Worked } from './writer.ts';

/** A Proposal worked out against its Source as that is now. */
export interface Draft {
  readonly proposal: Proposal;
  readonly source: SourceKeeper;
  /** Id of the Snapshot that it was worked out against. */
  readonly onto: string;
  /** Path → text, or null to delete. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly compilation: Compilation;
  readonly changed: ReadonlyMap<string, Service>;
  /** Valid or invalid now, and no longer declared afterwards. */
  readonly gone: readonly string[];
  /** Those of either that belong to another Source, with that one: nothing comes of them here. */
  readonly elsewhere: ReadonlyMap<string, string>;
  readonly issues: readonly Issue[];
  readonly pruneHeld: readonly string[];
  /** 16 hex digits of this Proposal against this Snapshot. */
  readonly token: string;
}

export class Drafts {
  readonly #controller: ControllerContext;

  constructor(controller: ControllerContext) {
    this.#controller = controller;
  }

  /** Throws Refused while the Source has not been read. */
  async of(proposal: Proposal, source: SourceKeeper): Promise<Draft> {
    const { parts, loop, declarations } = this.#controller;
    const { state, declared, name: sourceName } = source;
    const { snapshot } = state;
    if (snapshot === null)
      throw new FairleadError('Refused', declared.failure === null ? `${sourceName} has not been read yet.` : declared.failure, {
        data: { next: `fairlead describe source ${sourceName}` },
      });
    const { folder } = source.parts;
    const { files, prunes } = applyProposal(snapshot.files, folder === undefined ? proposal : { ...proposal, folder });
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
    const changed = new Map(compilation.changed.map((service) => [service.name, service]));
    const elsewhere = new Map(
      [...changed.keys(), ...gone].flatMap((name) => {
        const rival = declarations.rivalOf(name, sourceName);
        return rival === null ? [] : [[name, rival] as const];
      }),
    );
    const given = namedServices(proposal.files);
    const kept = compilation.changed.flatMap((service) => keptElsewhere(service, sourceName, elsewhere, given));
    return {
      proposal,
      source,
      onto: snapshot.id,
      files,
      compilation,
      changed,
      gone,
      elsewhere,
      issues: [...issues, ...kept],
      pruneHeld: missing.length === 0 ? [] : parts.guardPrune({ recorded: recorded.sort(), missing, empty: compilation.empty }),
      token: hashValue({ source: sourceName, snapshot: snapshot.id, proposal }).slice(0, 16),
    };
  }

  /** What would happen, for people. */
  async report(draft: Draft): Promise<PlanReport> {
    const names = new Set([...draft.changed.keys(), ...draft.gone, ...named(draft)]);
    return {
      token: draft.token,
      changes: await Promise.all([...names].sort().map(async (name) => this.#changeOf(name, draft))),
      issues: draft.issues,
      pruneHeld: draft.pruneHeld,
    };
  }

  /** As it is handed to the Writer, with what is to be said of it where nobody says anything else. */
  worked(draft: Draft, body = '', subject = subjectOf(draft)): Worked {
    const { onto, files, token } = draft;
    const gone = draft.gone.filter((name) => !draft.elsewhere.has(name));
    return { onto, files, changes: changesOf(draft), gone, subject, body, token, report: async () => this.report(draft) };
  }

  async #changeOf(name: string, draft: Draft): Promise<ServiceChange> {
    const { loop, parts } = this.#controller;
    const before = draft.source.declared.service(name);
    const root = draft.source.state.snapshot?.root;
    const after = draft.gone.includes(name) ? null : (draft.changed.get(name) ?? before);
    const action = actionOf(name, draft);
    const record = loop.records.get(name) ?? null;
    const stable = record?.stable ?? null;
    const dependants = loop.dependantsOf(name);
    const declaration: Declaration = after === null ? { kind: 'absent' } : { kind: 'declared', service: after };
    const desired = { ...loop.desiredOf(name, [], declaration), contracts: {} };
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
}

/** Services that differ from what is declared now, or whose manifest does. */
function changesOf(draft: Draft): Applied['changes'] {
  const names = [...new Set([...draft.changed.keys(), ...draft.gone])].sort();
  return names.map((service) => ({ service, action: actionOf(service, draft), specHash: declaredAfter(service, draft)?.specHash ?? null }));
}

/** Longer lists of names are counted. */
const mostSubjectCharacters = 60;

/** What a commit says that nobody gave words to: `Add weather; update files`. */
function subjectOf(draft: Draft): string {
  const words = { create: 'add', update: 'update', delete: 'delete' } as const;
  const parts = Object.entries(words).flatMap(([action, word]) => {
    const names = changesOf(draft).flatMap((change) => (change.action === action ? [change.service] : []));
    const listed = `${word} ${names.join(', ')}`;
    return names.length === 0 ? [] : [listed.length <= mostSubjectCharacters ? listed : `${word} ${names.length} services`];
  });
  const files = Object.keys(draft.files).sort();
  const subject = parts.length > 0 ? parts.join('; ') : `update ${files.length === 1 ? files[0]! : `${files.length} files`}`;
  return subject[0]!.toUpperCase() + subject.slice(1);
}

/** What would be declared of a Service afterwards; null when it would not be, or not validly. */
export function declaredAfter(service: string, { changed, compilation, source }: Draft): Service | null {
  if (!compilation.valid.includes(service)) return null;
  return changed.get(service) ?? source.declared.service(service);
}

/** Services that the files of the Proposal are about, though nothing changes of them. */
function named({ files, proposal, compilation, source: { declared } }: Draft): readonly string[] {
  const spoken = new Set([...Object.keys(files), ...Object.keys(proposal.files)]);
  const valid = new Set(compilation.valid);
  return [...declared.valid()].filter((name) => valid.has(name) && spoken.has(declared.service(name)!.origin.file));
}

function actionOf(name: string, { gone, changed, elsewhere, source: { declared } }: Draft): ServiceChange['action'] {
  if (elsewhere.has(name)) return 'unchanged';
  if (gone.includes(name)) return 'delete';
  const before = declared.service(name);
  if (before === null) return changed.has(name) ? 'create' : 'unchanged';
  return changed.has(name) && changed.get(name)!.specHash !== before.specHash ? 'update' : 'unchanged';
}

/** An Issue outside of the files of the proposal counts when it makes a Service invalid that was not: a template, a dependency. */
function newlyInvalid({ subject }: Issue, { invalid }: Compilation, { declared }: SourceKeeper): boolean {
  return subject !== undefined && Object.hasOwn(invalid, subject) && declared.service(subject) !== null;
}

/** Throws Refused where the Proposal names what belongs to another Source: nothing would come of that, however it was written. */
export function refuseElsewhere({ proposal, elsewhere, changed, source }: Draft): void {
  const [name] = [...namedServices(proposal.files)].filter((given) => changed.has(given) && elsewhere.has(given)).sort();
  if (name === undefined) return;
  const keeper = elsewhere.get(name)!;
  const message = `${name} belongs to source ${keeper}: nothing would come of it in ${source.name}. Nothing was written.`;
  throw new FairleadError('Refused', message, {
    data: {
      next: `to change it, leave --source out; to move it, put its manifest into ${source.name} by hand and then delete it from ${keeper}`,
    },
  });
}

/** Given by name it is an error; what a template changes besides is said. */
function keptElsewhere(
  { name, origin: { file, line } }: Service,
  source: string,
  elsewhere: Draft['elsewhere'],
  given: ReadonlySet<string>,
): Issue[] {
  const keeper = elsewhere.get(name);
  if (keeper === undefined) return [];
  const severity = given.has(name) ? 'error' : 'warning';
  const message = `The Service \`${name}\` belongs to source ${keeper}; it is not taken from ${source} until it is gone there.`;
  return [{ code: 'DuplicateService', severity, message, file, line, column: 1, path: 'metadata.name', subject: name }];
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

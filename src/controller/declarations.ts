/**
 * What all sources together say of each Service. A Service belongs to the source that it came from: another that declares the
 * same name is refused until that one has let go of it, and then takes it over as it runs. Says `absent` only of a name that
 * no source declares, that every other source was asked about, and that the prune guard of its own source lets go; until then it
 * is `unknown`, and what runs goes on.
 */
import type { Declaration } from '../model/desired.ts';
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';
import type { Compilation } from '../ports/compiler.ts';
import { acrossSources } from './across-sources.ts';
import { sharedNameIssue, type Contender } from './shared-names.ts';
import { SourceDeclarations } from './source-declarations.ts';

/** Names that must not be deleted now, out of those that `recorded` has and the Snapshot has not. */
export type GuardPrune = (facts: {
  /** Names that came from the source and are not being deleted already, sorted. */
  readonly recorded: readonly string[];
  /** Those of them that no source declares any more, sorted. */
  readonly missing: readonly string[];
  /** The Snapshot holds no manifest at all. */
  readonly empty: boolean;
}) => readonly string[];

/** A Service that is remembered and not being deleted: the source and the file it was last declared in; null when it never was valid. */
export interface Remembered {
  readonly source: string | null;
  readonly file: string | null;
}

export interface Taken {
  /** Names of which something else is said now. */
  readonly affected: ReadonlySet<string>;
  /** Names that have just gone from their source, and that another may have: `answered` is to be called once each of those was read again. */
  readonly questions: readonly string[];
}

/** Whose declaration of a name counts. */
type Holder =
  | { readonly kind: 'kept'; readonly by: SourceDeclarations }
  /** Declared more than once, and it came from none of them. */
  | { readonly kind: 'contested'; readonly by: readonly SourceDeclarations[] }
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'nobody' };

export class Declarations {
  /** In the order in which they were given. */
  readonly sources: readonly SourceDeclarations[];
  readonly #guardPrune: GuardPrune;
  readonly #sources: ReadonlyMap<string, SourceDeclarations>;
  /** The source that a remembered Service came from; null for any other. */
  readonly #ownerOf: (name: string) => string | null;
  readonly #held = new Map<string, ReadonlySet<string>>();
  /** Names whose deletion somebody asked for: no guard holds them, and nobody is asked about them. */
  #approved: ReadonlySet<string> = new Set();
  readonly #questioned = new Set<string>();
  #successors: ReadonlyMap<string, string> = new Map();
  #groups: ReadonlyMap<string, readonly string[]> = new Map();
  /** Names that more than one source declares. */
  #shared: readonly string[] = [];
  /** By source, what only all of them together show. */
  #across: ReadonlyMap<string, readonly Issue[]> = new Map();

  constructor(sources: readonly string[], guardPrune: GuardPrune, ownerOf: (name: string) => string | null) {
    this.sources = sources.map((name) => new SourceDeclarations(name));
    this.#sources = new Map(this.sources.map((source) => [source.name, source]));
    this.#guardPrune = guardPrune;
    this.#ownerOf = ownerOf;
  }

  /** What one source says; it must be one of those given at the start. */
  source(name: string): SourceDeclarations {
    return this.#sources.get(name)!;
  }

  /** Names of a source whose deletion the prune guard holds, sorted. */
  heldOf(source: string): readonly string[] {
    return [...(this.#held.get(source) ?? [])];
  }

  of(name: string): Declaration {
    const holder = this.#holderOf(name);
    switch (holder.kind) {
      case 'kept': {
        const service = holder.by.service(name);
        if (service !== null) return { kind: 'declared', service };
        return { kind: 'invalid', issues: holder.by.issuesOf(name) ?? [], snapshot: holder.by.snapshot! };
      }
      case 'contested': {
        const issues = holder.by.flatMap((source) => this.#sharedIssue(name, source));
        return { kind: 'invalid', issues, snapshot: holder.by[0]!.snapshot! };
      }
      case 'unknown':
        return holder;
      case 'nobody':
        return { kind: 'absent' };
    }
  }

  isDeclared(name: string): boolean {
    return this.of(name).kind !== 'absent';
  }

  /** The source whose declaration of a name counts now; null when none does. */
  keeperOf(name: string): string | null {
    const holder = this.#holderOf(name);
    return holder.kind === 'kept' ? holder.by.name : null;
  }

  /** The source because of which nothing would come of a name in `source`: it belongs to that one, or is declared there; null when there is none. */
  rivalOf(name: string, source: string): string | null {
    const owner = this.#ownerOf(name);
    if (owner !== null && owner !== source && this.#sources.get(owner)?.snapshot === null) return owner;
    const keeper = this.keeperOf(name);
    if (keeper !== null) return keeper === source ? null : keeper;
    return this.sources.find((other) => other.name !== source && other.declares(name))?.name ?? null;
  }

  issuesOf(name: string): readonly Issue[] {
    const declaration = this.of(name);
    return declaration.kind === 'invalid' ? declaration.issues : [];
  }

  /** The Service that says it was `formerly` of this name (the first by name where several do), while nobody declares the name itself; null when none does. */
  successorOf(name: string): string | null {
    const successor = this.#successors.get(name);
    return successor === undefined || this.of(successor).kind !== 'declared' || this.isDeclared(name) ? null : successor;
  }

  /** The valid names that are declared to be released together under this name. */
  inGroup(group: string): readonly string[] {
    return this.#groups.get(group) ?? [];
  }

  /** The resolved Service of a valid name. */
  service(name: string): Service | null {
    const declaration = this.of(name);
    return declaration.kind === 'declared' ? declaration.service : null;
  }

  /** All names that are declared anywhere, valid or not, sorted. */
  names(): readonly string[] {
    return [...new Set(this.sources.flatMap((source) => [...source.names()]))].sort();
  }

  /**
   * Issues of a source, or those of them about one name: without what the other sources make untrue, and with what comes of its
   * not being alone.
   */
  amend(source: string, issues: readonly Issue[], name?: string): readonly Issue[] {
    if (this.#sources.size === 1) return issues;
    const own = this.source(source);
    const more = (name === undefined ? [...this.#refusedNames(own)] : [name]).flatMap((refused) => this.#sharedIssue(refused, own));
    const across = (this.#across.get(source) ?? []).filter(({ subject }) => name === undefined || name === subject);
    return [...issues.filter((issue) => !this.#answeredElsewhere(own, issue)), ...more, ...across];
  }

  /**
   * Takes in a Compilation of one source. `remembered`: every name that is remembered and not being deleted; `approved`: names
   * whose deletion somebody asked for.
   */
  take(source: string, compilation: Compilation, remembered: ReadonlyMap<string, Remembered>, approved: ReadonlySet<string>): Taken {
    const own = this.source(source);
    const recorded = new Map<string, string | null>();
    for (const [name, { source: from, file }] of remembered) if (from === source) recorded.set(name, file);
    const affected = own.take(compilation, recorded);
    this.#approved = approved;
    if (affected.size > 0) this.#tidy(affected);
    this.#holdAll(remembered, affected);
    const gone = [...affected].filter((name) => recorded.has(name));
    return { affected, questions: this.question(gone) };
  }

  /** Those of these names that nobody declares, and that are to be asked for; `answered` is to be called then. */
  question(names: Iterable<string>): readonly string[] {
    if (this.#sources.size === 1) return [];
    const missing = [...names].filter((name) => this.#isMissing(name));
    for (const name of missing) this.#questioned.add(name);
    return missing;
  }

  /** Somebody asked for these deletions, or takes that back. */
  approve(names: ReadonlySet<string>): void {
    this.#approved = names;
  }

  /** Every other source has been read since these names went from theirs. */
  answered(names: readonly string[]): void {
    for (const name of names) this.#questioned.delete(name);
  }

  #holderOf(name: string): Holder {
    const owner = this.#ownerOf(name);
    const own = owner === null ? undefined : this.#sources.get(owner);
    if (own !== undefined && own.snapshot === null) return { kind: 'unknown', reason: own.silence };
    const by = this.sources.filter((source) => source.declares(name));
    if (own !== undefined && by.includes(own)) return { kind: 'kept', by: own };
    if (by.length === 0) return this.#gone(name, owner, own);
    const silent = this.sources.find(({ heard }) => !heard);
    // Whether it is the only one to declare a new name is not known before all have been asked.
    if (owner === null && silent !== undefined) return { kind: 'unknown', reason: `Source ${silent.name} has not been read yet.` };
    return by.length === 1 ? { kind: 'kept', by: by[0]! } : { kind: 'contested', by };
  }

  /** Nobody declares it: whether that is certain. */
  #gone(name: string, owner: string | null, own: SourceDeclarations | undefined): Holder {
    if (this.#approved.has(name)) return { kind: 'nobody' };
    const successor = this.#successors.get(name);
    if (successor !== undefined)
      return this.of(successor).kind === 'declared'
        ? { kind: 'nobody' }
        : { kind: 'unknown', reason: `It is to go on as ${successor}, which cannot be taken now.` };
    if (owner !== null && own === undefined) return { kind: 'unknown', reason: `Its source ${owner} is no longer configured.` };
    if (own !== undefined && this.#held.get(own.name)?.has(name))
      return { kind: 'unknown', reason: 'Its manifest is gone, and the prune guard holds the deletion.' };
    const silent = this.sources.find((source) => source !== own && this.#cannotTell(source));
    if (silent !== undefined)
      return { kind: 'unknown', reason: `Its manifest is gone; it may be in source ${silent.name} now. ${silent.silence}` };
    if (this.#questioned.has(name)) return { kind: 'unknown', reason: 'Its manifest is gone; the other sources are being asked for it.' };
    return { kind: 'nobody' };
  }

  /** What such a source holds now nobody knows. A suspended one is not to be looked at. */
  #cannotTell({ suspended, snapshot, failure }: SourceDeclarations): boolean {
    return !suspended && (snapshot === null || failure !== null);
  }

  #holdAll(remembered: ReadonlyMap<string, Remembered>, affected: Set<string>): void {
    for (const source of this.sources) {
      if (source.snapshot === null) continue;
      const before = this.#held.get(source.name) ?? new Set();
      const after = this.#heldNow(source, remembered);
      this.#held.set(source.name, after);
      for (const name of after) if (!before.has(name)) affected.add(name);
      for (const name of before) if (!after.has(name)) affected.add(name);
    }
  }

  #heldNow(source: SourceDeclarations, remembered: ReadonlyMap<string, Remembered>): ReadonlySet<string> {
    const recorded: string[] = [];
    const missing: string[] = [];
    for (const [name, { source: from }] of remembered) {
      if (from !== source.name && !(from === null && this.#sources.size === 1)) continue;
      recorded.push(name);
      if (this.#isMissing(name)) missing.push(name);
    }
    if (missing.length === 0) return new Set();
    return new Set(this.#guardPrune({ recorded: recorded.sort(), missing: missing.sort(), empty: source.empty }));
  }

  /** Nobody declares it, nobody goes on in its place, and nobody asked for it to go. */
  #isMissing(name: string): boolean {
    if (this.#approved.has(name) || this.#successors.has(name)) return false;
    return !this.sources.some((source) => source.declares(name));
  }

  /** Finds anew who was formerly whom, who is released together, and what is declared twice. */
  #tidy(affected: Set<string>): void {
    const before = this.#successors;
    const successors = new Map<string, string>();
    const groups = new Map<string, Set<string>>();
    const seen = new Set<string>();
    const shared = new Set<string>();
    for (const source of this.sources) {
      for (const name of source.names()) {
        if (seen.has(name)) shared.add(name);
        seen.add(name);
      }
      for (const name of source.valid()) {
        const { formerly, migration } = source.service(name)!;
        const rival = formerly === null ? undefined : successors.get(formerly);
        if (formerly !== null && (rival === undefined || name < rival)) successors.set(formerly, name);
        const group = migration.releaseTogether;
        if (group !== null) groups.set(group, (groups.get(group) ?? new Set()).add(name));
      }
    }
    this.#successors = successors;
    this.#groups = new Map([...groups].map(([group, names]) => [group, [...names].sort()]));
    this.#shared = [...shared].sort();
    if (this.sources.length > 1) this.#across = acrossSources(this.#services(seen));
    for (const name of before.keys()) if (!successors.has(name)) affected.add(name);
  }

  #services(names: ReadonlySet<string>): ReadonlyMap<string, Service> {
    const services = new Map<string, Service>();
    for (const name of names) {
      const service = this.service(name);
      if (service !== null) services.set(name, service);
    }
    return services;
  }

  /** Names that a source declares and others have a say in: shared ones, and those of a source that is silent. */
  #refusedNames(own: SourceDeclarations): ReadonlySet<string> {
    const names = new Set(this.#shared.filter((name) => own.declares(name)));
    if (this.sources.every(({ snapshot }) => snapshot !== null)) return names;
    for (const name of own.names()) {
      const owner = this.#ownerOf(name);
      if (owner !== null && owner !== own.name && this.#sources.get(owner)?.snapshot === null) names.add(name);
    }
    return names;
  }

  #sharedIssue(name: string, own: SourceDeclarations): Issue | readonly Issue[] {
    const contenders = this.sources.flatMap((source): Contender[] => {
      const place = source.placeOf(name);
      return place === null ? [] : [{ source: source.name, place }];
    });
    const source = this.#ownerOf(name);
    const owner = source === null ? null : { source, silent: this.#sources.get(source)?.snapshot === null };
    return sharedNameIssue(name, own.name, contenders, owner) ?? [];
  }

  /** What one source alone says of others that it cannot see: a dependency or a group that another source has. */
  #answeredElsewhere(own: SourceDeclarations, { code, subject, path }: Issue): boolean {
    if (code !== 'UnknownDependency' && code !== 'GroupOfOne') return false;
    const service = subject === undefined ? null : own.service(subject);
    if (service === null) return false;
    if (code === 'GroupOfOne') return this.inGroup(service.migration.releaseTogether ?? '').length > 1;
    const [, list, index] = /(dependsOn|checks)\[(\d+)\]\.service$/.exec(path) ?? [];
    if (index === undefined) return false;
    const check = list === 'checks' ? service.health.checks[Number(index)] : undefined;
    const wanted = list === 'dependsOn' ? service.dependsOn[Number(index)]?.service : targetOf(check);
    return wanted !== undefined && this.sources.some((source) => source.declares(wanted));
  }
}

function targetOf(check: Service['health']['checks'][number] | undefined): string | undefined {
  return check?.type === 'dependency' && 'service' in check.target ? check.target.service : undefined;
}

/**
 * What the source says of each Service, from one Compilation after the other. Says `absent` only of a name that a whole,
 * readable Snapshot does not hold and that the prune guard lets go; until then it is `unknown`, and what runs goes on.
 */
import type { Declaration } from '../model/desired.ts';
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';
import type { Compilation } from '../ports/compiler.ts';

/** Names that must not be deleted now, out of those that `recorded` has and the Snapshot has not. */
export type GuardPrune = (facts: {
  /** Names that are remembered and not being deleted already, sorted. */
  readonly recorded: readonly string[];
  /** Those of them that the Snapshot does not declare, sorted. */
  readonly missing: readonly string[];
  /** The Snapshot holds no manifest at all. */
  readonly empty: boolean;
}) => readonly string[];

export class Declarations {
  readonly #guardPrune: GuardPrune;
  readonly #services = new Map<string, Service>();
  #valid: ReadonlySet<string> = new Set();
  #invalid: Readonly<Record<string, readonly Issue[]>> = {};
  #successors = new Map<string, string>();
  #groups: ReadonlyMap<string, readonly string[]> = new Map();
  #held: ReadonlySet<string> = new Set();
  #snapshot: string | null = null;
  #unknownBecause = 'The source has not been read yet.';

  constructor(guardPrune: GuardPrune) {
    this.#guardPrune = guardPrune;
  }

  /** Id of the Snapshot that everything here is of; null before the first. */
  get snapshot(): string | null {
    return this.#snapshot;
  }

  /** Names whose deletion the prune guard holds, sorted. */
  get held(): readonly string[] {
    return [...this.#held];
  }

  /** Why nothing is known before the first Snapshot. */
  setUnknown(reason: string): void {
    this.#unknownBecause = reason;
  }

  of(name: string): Declaration {
    if (this.#snapshot === null) return { kind: 'unknown', reason: this.#unknownBecause };
    if (this.#valid.has(name)) return { kind: 'declared', service: this.#services.get(name)! };
    const issues = this.#invalidOf(name);
    if (issues !== undefined) return { kind: 'invalid', issues, snapshot: this.#snapshot };
    if (this.#held.has(name)) return { kind: 'unknown', reason: 'Its manifest is gone, and the prune guard holds the deletion.' };
    return { kind: 'absent' };
  }

  isDeclared(name: string): boolean {
    return this.of(name).kind !== 'absent';
  }

  issuesOf(name: string): readonly Issue[] {
    return this.#invalidOf(name) ?? [];
  }

  /** The Service that says it was `formerly` of this name (the first by name where several do), while the name itself is not declared; null when none does. */
  successorOf(name: string): string | null {
    return this.isDeclared(name) ? null : (this.#successors.get(name) ?? null);
  }

  /** The valid names that are declared to be released together under this name. */
  inGroup(group: string): readonly string[] {
    return this.#groups.get(group) ?? [];
  }

  /** The resolved Service of a valid name. */
  service(name: string): Service | null {
    return this.#valid.has(name) ? this.#services.get(name)! : null;
  }

  /** All names that are declared, valid or not. */
  names(): readonly string[] {
    return [...new Set([...this.#valid, ...Object.keys(this.#invalid)])].sort();
  }

  /** All valid Services, by name. */
  services(): ReadonlyMap<string, Service> {
    return new Map([...this.#services].filter(([name]) => this.#valid.has(name)));
  }

  /**
   * Takes in a Compilation and answers the names of which something else is said now. `recorded`: names remembered and not
   * being deleted, with the file each was last declared in; `approved`: names whose deletion somebody asked for by name, which the guard does not hold.
   */
  take(compilation: Compilation, recorded: ReadonlyMap<string, string | null>, approved: ReadonlySet<string>): ReadonlySet<string> {
    const affected = new Set<string>();
    if (this.#snapshot === null) for (const name of recorded.keys()) affected.add(name);
    for (const service of compilation.changed) {
      this.#services.set(service.name, service);
      affected.add(service.name);
    }
    const validBefore = this.#valid;
    const invalidBefore = this.#invalid;
    const heldBefore = this.#held;
    this.#valid = new Set(compilation.valid);
    this.#invalid = { ...compilation.invalid, ...this.#unreadable(compilation, recorded) };
    this.#snapshot = compilation.snapshot;
    for (const name of this.#valid) if (!validBefore.has(name)) affected.add(name);
    for (const name of validBefore) if (!this.#valid.has(name)) affected.add(name);
    for (const name of new Set([...Object.keys(invalidBefore), ...Object.keys(this.#invalid)]))
      if (JSON.stringify(invalidBefore[name]) !== JSON.stringify(this.#invalid[name])) affected.add(name);
    if (affected.size > 0) this.#tidy(affected);
    this.#hold(compilation, [...recorded.keys()].sort(), approved);
    for (const name of this.#held) if (!heldBefore.has(name)) affected.add(name);
    for (const name of heldBefore) if (!this.#held.has(name)) affected.add(name);
    return affected;
  }

  /** Names last declared in a file that is in doubt: they are in there still, for all we know. */
  #unreadable(compilation: Compilation, recorded: ReadonlyMap<string, string | null>): Record<string, readonly Issue[]> {
    const found: Record<string, readonly Issue[]> = {};
    if (compilation.doubtfulFiles.length === 0) return found;
    const doubtful = new Set(compilation.doubtfulFiles);
    for (const [name, file] of recorded) {
      if (file === null || !doubtful.has(file) || this.#valid.has(name) || Object.hasOwn(compilation.invalid, name)) continue;
      found[name] = compilation.issues.filter((issue) => issue.file === file && issue.severity === 'error');
    }
    return found;
  }

  #hold(compilation: Compilation, recorded: readonly string[], approved: ReadonlySet<string>): void {
    const missing = recorded.filter((name) => !this.#valid.has(name) && this.#invalidOf(name) === undefined);
    const unasked = missing.filter((name) => !approved.has(name) && !this.#successors.has(name));
    this.#held = unasked.length === 0 ? new Set() : new Set(this.#guardPrune({ recorded, missing: unasked, empty: compilation.empty }));
  }

  /** Forgets Services that are no longer declared, and finds anew who was formerly whom and who is released together. */
  #tidy(affected: Set<string>): void {
    for (const name of affected) if (!this.#valid.has(name) && this.#invalidOf(name) === undefined) this.#services.delete(name);
    const before = this.#successors;
    this.#successors = new Map();
    const groups = new Map<string, string[]>();
    for (const name of this.#valid) {
      const { formerly, migration } = this.#services.get(name)!;
      if (formerly !== null && !this.#successors.has(formerly)) this.#successors.set(formerly, name);
      const group = migration.releaseTogether;
      if (group !== null) groups.set(group, [...(groups.get(group) ?? []), name]);
    }
    this.#groups = groups;
    for (const name of before.keys()) if (!this.#successors.has(name)) affected.add(name);
  }

  #invalidOf(name: string): readonly Issue[] | undefined {
    return Object.hasOwn(this.#invalid, name) ? this.#invalid[name] : undefined;
  }
}

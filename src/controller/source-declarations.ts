/**
 * What one source says, from one Compilation after the other, and whether it can be asked at all. Knows nothing of other
 * sources, nor of what becomes of what it says: `Declarations` weighs all of them.
 */
import type { Issue } from '../model/issue.ts';
import type { Service } from '../model/service.ts';
import type { Compilation } from '../ports/compiler.ts';

/** Where a name is declared. */
export interface DeclaredAt {
  readonly file: string;
  readonly line: number;
}

export class SourceDeclarations {
  readonly name: string;
  /** Why it cannot be read now; null when it can. */
  failure: string | null = null;
  suspended = false;
  #services = new Map<string, Service>();
  #valid: ReadonlySet<string> = new Set();
  #invalid: Readonly<Record<string, readonly Issue[]>> = {};
  #snapshot: string | null = null;
  #empty = false;

  constructor(name: string) {
    this.name = name;
  }

  /** Id of the Snapshot that everything here is of; null before the first. */
  get snapshot(): string | null {
    return this.#snapshot;
  }

  /** That Snapshot holds no manifest at all. */
  get empty(): boolean {
    return this.#empty;
  }

  /** It has been read, or it is known that it will not be for now: nobody need wait for it. */
  get heard(): boolean {
    return this.#snapshot !== null || this.failure !== null || this.suspended;
  }

  /** Why nothing is known before the first Snapshot. */
  get silence(): string {
    if (this.suspended) return 'The source is suspended.';
    return this.failure === null ? 'The source has not been read yet.' : `The source cannot be read: ${this.failure}`;
  }

  declares(name: string): boolean {
    return this.#valid.has(name) || this.issuesOf(name) !== null;
  }

  /** The resolved Service of a valid name. */
  service(name: string): Service | null {
    return this.#valid.has(name) ? this.#services.get(name)! : null;
  }

  /** What is wrong with a name that is declared and not valid; null for any other. */
  issuesOf(name: string): readonly Issue[] | null {
    return Object.hasOwn(this.#invalid, name) ? this.#invalid[name]! : null;
  }

  placeOf(name: string): DeclaredAt | null {
    return this.service(name)?.origin ?? this.issuesOf(name)?.[0] ?? null;
  }

  /** All names that are declared, valid or not. */
  names(): ReadonlySet<string> {
    return new Set([...this.#valid, ...Object.keys(this.#invalid)]);
  }

  valid(): ReadonlySet<string> {
    return this.#valid;
  }

  /**
   * Takes in a Compilation and answers the names of which it says something else now. `recorded`: names that came from here
   * and are not being deleted, with the file each was last declared in.
   */
  take(compilation: Compilation, recorded: ReadonlyMap<string, string | null>): Set<string> {
    const affected = new Set<string>();
    if (this.#snapshot === null) for (const name of recorded.keys()) affected.add(name);
    for (const service of compilation.changed) {
      this.#services.set(service.name, service);
      affected.add(service.name);
    }
    const validBefore = this.#valid;
    const invalidBefore = this.#invalid;
    this.#valid = new Set(compilation.valid);
    this.#invalid = { ...compilation.invalid, ...this.#unreadable(compilation, recorded) };
    this.#snapshot = compilation.snapshot;
    this.#empty = compilation.empty;
    for (const name of this.#valid) if (!validBefore.has(name)) affected.add(name);
    for (const name of validBefore) if (!this.#valid.has(name)) affected.add(name);
    for (const name of new Set([...Object.keys(invalidBefore), ...Object.keys(this.#invalid)]))
      if (JSON.stringify(invalidBefore[name]) !== JSON.stringify(this.#invalid[name])) affected.add(name);
    for (const name of affected) if (!this.declares(name)) this.#services.delete(name);
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
}

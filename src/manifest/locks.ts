/**
 * All the `fairlead.lock` of a source as one: which Lock each Service has, and what is wrong with them. Its files are read when
 * they change and never otherwise.
 */
import { hashValue } from '../base/hash.ts';
import type { Issue } from '../model/issue.ts';
import type { Lock } from '../model/lock.ts';
import type { Provenance } from '../model/provenance.ts';
import type { Service } from '../model/service.ts';
import type { LockFile } from './lock-file.ts';
import { nearest } from './suggest.ts';

/** What is done about drift of what is locked, where its manifest says nothing of it. */
const lockedDrift = 'quarantine';
const driftField = 'spec.migration.contract.drift';

/** Most unknown names that are shown of a file. */
const mostShown = 100;

export class Locks {
  readonly #files: readonly LockFile[];
  /** Names that two files give different Locks, with why. */
  readonly #contested: ReadonlyMap<string, readonly Issue[]>;

  constructor(files: readonly LockFile[]) {
    this.#files = files;
    this.#contested = files.length < 2 ? new Map() : contested(files);
  }

  /** What is locked of a Service; null when nothing is. */
  of(service: string): Lock | null {
    for (const { locks } of this.#files) {
      const lock = locks.get(service);
      if (lock !== undefined) return lock;
    }
    return null;
  }

  /** Why it cannot be said what is locked of a Service; empty when it can. */
  problemsOf(service: string): readonly Issue[] {
    return [...this.#files.flatMap(({ broken }) => broken.get(service) ?? []), ...(this.#contested.get(service) ?? [])];
  }

  /** Fields of a Service as explained without them, with what is so because it is locked. */
  explain(service: string, fields: readonly Provenance[]): readonly Provenance[] {
    const file = this.#files.find(({ locks }) => locks.has(service));
    const drift = fields.findIndex(({ field, from }) => field === driftField && from === 'default');
    if (file === undefined || drift === -1) return fields;
    const [place] = file.places([service]);
    return fields.with(drift, { ...fields[drift]!, value: lockedDrift, file: file.path, ...place!, from: `Lock ${service}` });
  }

  /** Issues of all files. `declared`: the name of every Service of the source. */
  issues(declared: { has(name: string): boolean; keys(): Iterable<string> }): Issue[] {
    const own = this.#files.flatMap((file) => [...file.issues, ...unknownIn(file, declared)]);
    return [...own, ...[...this.#contested.values()].flat()];
  }
}

/**
 * A Service with what is locked of it: another Lock makes it another Service, and no other Revision. Where it does not say
 * itself what is done about drift, a locked one hides what nobody approved.
 */
export function withLock(service: Service, lock: Lock | null, saysDrift: boolean): Service {
  if (lock === null) return service;
  const { contract } = service.migration;
  const drift = saysDrift ? contract.drift : lockedDrift;
  const specHash = hashValue({ specHash: service.specHash, lock, drift });
  return { ...service, migration: { ...service.migration, contract: { ...contract, drift } }, lock, specHash };
}

function unknownIn(file: LockFile, declared: { has(name: string): boolean; keys(): Iterable<string> }): Issue[] {
  const unknown = [...file.locks.keys()].filter((name) => !declared.has(name)).slice(0, mostShown);
  if (unknown.length === 0) return [];
  const places = file.places(unknown);
  return unknown.map((name, index) => {
    const near = nearest(name, declared.keys());
    return {
      code: 'UnknownService',
      severity: 'warning',
      message: `No manifest declares \`${name}\`: nothing comes of its lock.`,
      file: file.path,
      ...places[index]!,
      path: `services.${name}`,
      ...(near === null ? {} : { suggestion: near }),
    };
  });
}

function contested(files: readonly LockFile[]): ReadonlyMap<string, readonly Issue[]> {
  const byName = new Map<string, LockFile[]>();
  for (const file of files) for (const name of file.locks.keys()) byName.set(name, [...(byName.get(name) ?? []), file]);
  const found = new Map<string, readonly Issue[]>();
  for (const [name, holders] of byName) {
    if (new Set(holders.map(({ locks }) => locks.get(name)!.contract)).size < 2) continue;
    found.set(
      name,
      holders.map((file) => {
        const others = holders.filter((other) => other !== file).map(({ path }) => path);
        const message = `\`${name}\` is locked to something else in ${others.join(', ')}; neither is taken.`;
        const where = { file: file.path, ...file.places([name])[0]!, path: `services.${name}` };
        return { code: 'DuplicateLock', severity: 'error', message, ...where, expected: 'one lock for each service', subject: name };
      }),
    );
  }
  return found;
}

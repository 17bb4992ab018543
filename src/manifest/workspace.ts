/**
 * All files of a source, and the Services they come to. Keeps what it read: a file, a line of templates or a Service is
 * looked at again only when it, or what it inherits from, changed. Everything that is shown is found in one pass; one bad
 * file takes nothing with it but its own Services.
 */
import { sha256 } from '../base/hash.ts';
import type { Issue } from '../model/issue.ts';
import { isLockPath, type Lock } from '../model/lock.ts';
import type { Provenance } from '../model/provenance.ts';
import type { Service } from '../model/service.ts';
import { compareText, findAcross, sortIssues } from './across.ts';
import { explainService } from './explain.ts';
import { extendsOf, inherit, place, templateIssues, type Inheritance } from './inherit.ts';
import { brokenLockFile, readLockFile, type LockFile } from './lock-file.ts';
import { Locks } from './locks.ts';
import { condemnedFile, locateInManifest, readManifestFile, unreadableFile, type Manifest, type ManifestFile } from './manifest-file.ts';
import { placeFindings, resolveService, resolveTrees, type Resolved } from './resolve.ts';
import { toIssue } from './schema.ts';

/** A file as a Snapshot has it. */
export interface SourceFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** SHA-256 of the bytes; worked out when left out. */
  readonly hash?: string;
  /** Why it cannot be read, if so; `bytes` is then empty. */
  readonly problem?: string;
}

export interface Compiled {
  /** Valid Services by name, in order of name. The same object as long as nothing about it changed. */
  readonly services: ReadonlyMap<string, Service>;
  /** Services declared but not valid, with their errors. */
  readonly invalid: ReadonlyMap<string, readonly Issue[]>;
  /** Every Issue of every file, sorted by place. */
  readonly issues: readonly Issue[];
  /** True when no file holds a manifest. */
  readonly empty: boolean;
  /** Files with an error in them, or with no manifest: Services that were in them may be there still, for all anybody knows. */
  readonly doubtfulFiles: readonly string[];
}

interface KeptService extends Resolved {
  readonly inheritance: Inheritance;
  readonly lock: Lock | null;
  readonly root: string;
}

interface KeptFile {
  readonly hash: string;
  readonly file: ManifestFile;
  /** Services that it declared before it came in doubt, and does not name any more. */
  readonly remembered: readonly string[];
}

/** Told of each file before work on it begins, so that somebody outside can see where it stands. */
export type Progress = (path: string) => void;

export class Workspace {
  readonly source: string;
  #root: string;
  #files = new Map<string, KeptFile>();
  #lockFiles = new Map<string, { readonly hash: string; readonly file: LockFile }>();
  #services = new Map<Manifest, KeptService>();
  #inheritances = new Map<string, Inheritance>();
  #templates: ReadonlyMap<string, readonly Manifest[]> = new Map();
  /** Valid Services of the last compilation. */
  #known: ReadonlyMap<string, Service> = new Map();
  #last: Compiled | null = null;

  constructor(source: string, root: string) {
    this.source = source;
    this.#root = root;
  }

  /** A Workspace of its own that begins where this one stands; what it does is not seen here. */
  fork(): Workspace {
    const fork = new Workspace(this.source, this.#root);
    fork.#files = new Map(this.#files);
    fork.#lockFiles = new Map(this.#lockFiles);
    fork.#services = new Map(this.#services);
    fork.#inheritances = new Map(this.#inheritances);
    fork.#templates = this.#templates;
    fork.#known = this.#known;
    fork.#last = this.#last;
    return fork;
  }

  /** Takes in files that are new or other than before, and forgets those that are gone. */
  update(files: Iterable<SourceFile>, removed: Iterable<string> = [], root: string = this.#root, progress?: Progress): void {
    for (const path of removed) if (this.#files.delete(path) || this.#lockFiles.delete(path)) this.#last = null;
    for (const { path, bytes, problem, hash = sha256(bytes) } of files) {
      if ((this.#files.get(path) ?? this.#lockFiles.get(path))?.hash === hash) continue;
      progress?.(path);
      if (isLockPath(path)) this.#keepLock(path, hash, bytes, problem === undefined ? [] : unreadableFile(path, problem).issues);
      else this.#keep(hash, problem === undefined ? readManifestFile(path, bytes) : unreadableFile(path, problem));
    }
    if (root !== this.#root) this.#last = null;
    this.#root = root;
  }

  /** Takes a file as one that cannot be looked at: its Services are invalid, and nothing else is. */
  condemn(path: string, hash: string, bytes: Uint8Array): void {
    const condemned = condemnedFile(path, bytes);
    if (isLockPath(path)) this.#keepLock(path, hash, bytes, condemned.issues);
    else this.#keep(hash, condemned);
  }

  /** `problems`: why it is not to be read; empty when it is. */
  #keepLock(path: string, hash: string, bytes: Uint8Array, problems: readonly Issue[]): void {
    const before = this.#lockFiles.get(path)?.file;
    const file = problems.length === 0 ? readLockFile(path, bytes, before) : brokenLockFile(path, bytes, problems, before);
    this.#lockFiles.set(path, { hash, file });
    this.#last = null;
  }

  #keep(hash: string, file: ManifestFile): void {
    this.#files.set(file.path, { hash, file, remembered: rememberedNames(file, this.#files.get(file.path)) });
    this.#last = null;
  }

  /** All Services as the files have them now. `snapshot` becomes the origin of those that changed. */
  compile(snapshot: string, progress?: Progress): Compiled {
    if (this.#last !== null) return this.#last;
    const files = [...this.#files.values()].map(({ file }) => file).sort((a, b) => compareText(a.path, b.path));
    const issues: Issue[] = [];
    const invalid = new Map<string, Issue[]>();
    const declared = groupByName(files, 'Service');
    const templates = groupByName(files, 'ServiceTemplate');
    const blameFor = (name: string, more: readonly Issue[]) => {
      const errors = more.filter((issue) => issue.severity === 'error');
      if (errors.length > 0) invalid.set(name, [...(invalid.get(name) ?? []), ...errors]);
    };
    const blameFile = (name: string, file: ManifestFile) => {
      invalid.set(name, [...(invalid.get(name) ?? []), ...file.issues.filter((issue) => issue.severity === 'error')]);
    };
    for (const file of files) {
      issues.push(...file.issues);
      for (const name of file.brokenServices) blameFile(name, file);
    }
    // Moved to another file is not gone, and not in doubt.
    for (const { file, remembered } of this.#files.values())
      for (const name of remembered) if (!declared.has(name) && !invalid.has(name)) blameFile(name, file);
    issues.push(...templateIssues(templates));
    this.#refreshInheritances(templates);
    const locks = this.#locks();
    issues.push(...locks.issues(declared));
    const kept = new Map<Manifest, KeptService>();
    const services = new Map<string, Service>();
    for (const name of [...declared.keys()].sort(compareText)) {
      const manifests = declared.get(name)!;
      for (const manifest of manifests) {
        const resolved = this.#resolve(manifest, templates, locks.of(name), snapshot, progress);
        kept.set(manifest, resolved);
        issues.push(...resolved.issues);
        blameFor(name, [...manifest.issues, ...resolved.issues]);
        if (resolved.service !== null && manifests.length === 1 && !invalid.has(name)) services.set(name, resolved.service);
      }
      // Nobody knows what was approved of it: the last that was taken goes on.
      if (locks.problemsOf(name).length > 0) {
        services.delete(name);
        blameFor(name, locks.problemsOf(name));
      }
      if (manifests.length > 1) {
        const duplicates = manifests.map((manifest) => duplicateIssue(manifest, manifests));
        issues.push(...duplicates);
        blameFor(name, duplicates);
      }
    }
    this.#services = kept;
    this.#judgeTogether(services, declared, invalid, issues);
    this.#last = {
      services,
      invalid,
      issues: sortIssues(issues),
      empty: files.every(
        ({ manifests, brokenServices, broken }) =>
          manifests.every(({ kind }) => kind === 'Controller') && brokenServices.length === 0 && !broken,
      ),
      doubtfulFiles: files.filter((file) => file.doubtful).map((file) => file.path),
    };
    this.#known = services;
    return this.#last;
  }

  /** Where each resolved field of a Service comes from, or one field; empty when there is no such Service or field. */
  explain(service: string, field: string | null): readonly Provenance[] {
    const files = [...this.#files.values()].map(({ file }) => file);
    const [manifest] = groupByName(files, 'Service').get(service) ?? [];
    if (manifest === undefined) return [];
    const inheritance = inherit(extendsOf(manifest), groupByName(files, 'ServiceTemplate'));
    return this.#locks().explain(service, explainService(resolveTrees(manifest, inheritance), field));
  }

  #locks(): Locks {
    return new Locks([...this.#lockFiles.values()].map(({ file }) => file).sort((a, b) => compareText(a.path, b.path)));
  }

  #resolve(
    manifest: Manifest,
    templates: ReadonlyMap<string, readonly Manifest[]>,
    lock: Lock | null,
    snapshot: string,
    progress: Progress | undefined,
  ): KeptService {
    const names = extendsOf(manifest);
    const key = names.join('\0');
    let inheritance = this.#inheritances.get(key);
    if (inheritance === undefined) {
      progress?.(manifest.file);
      inheritance = inherit(names, templates);
      this.#inheritances.set(key, inheritance);
    }
    const before = this.#services.get(manifest);
    if (
      before !== undefined &&
      before.inheritance === inheritance &&
      before.root === this.#root &&
      before.lock?.contract === lock?.contract
    )
      return before;
    progress?.(manifest.file);
    const origin = { source: this.source, snapshot, file: manifest.file, line: manifest.line };
    const { issues, service } = resolveService(manifest, inheritance, { root: this.#root, origin, lock });
    const known = this.#known.get(manifest.name);
    // A change that comes to the same Service in the same place is none: it keeps its identity and its Snapshot.
    const same =
      known !== undefined && known.specHash === service?.specHash && known.origin.file === origin.file && known.origin.line === origin.line;
    return { issues, service: same ? known : service, inheritance, lock, root: this.#root };
  }

  /** Keeps each line of templates whose Manifests are the very same; the rest are made anew when somebody needs them. */
  #refreshInheritances(templates: ReadonlyMap<string, readonly Manifest[]>): void {
    if (sameManifests(this.#templates, templates)) return;
    this.#templates = templates;
    const kept = new Map<string, Inheritance>();
    for (const [key, before] of this.#inheritances) {
      const fresh = inherit(key === '' ? [] : key.split('\0'), templates);
      const same =
        fresh.layers.length === before.layers.length &&
        fresh.layers.every((layer, index) => layer === before.layers[index]) &&
        fresh.problems.length === before.problems.length &&
        fresh.problems.every((problem, index) => problem.message === before.problems[index]?.message);
      kept.set(key, same ? before : fresh);
    }
    this.#inheritances = kept;
  }

  #judgeTogether(
    services: Map<string, Service>,
    declared: ReadonlyMap<string, readonly Manifest[]>,
    invalid: Map<string, Issue[]>,
    issues: Issue[],
  ): void {
    const names = new Set([...declared.keys(), ...invalid.keys()]);
    for (const { service, finding } of findAcross(services, names)) {
      const manifest = declared.get(service)![0]!;
      const inheritance = this.#services.get(manifest)!.inheritance;
      const placed = placeFindings([finding], manifest, resolveTrees(manifest, inheritance));
      issues.push(...placed);
      if (finding.severity === 'error') invalid.set(service, [...(invalid.get(service) ?? []), ...placed]);
    }
    for (const name of invalid.keys()) services.delete(name);
  }
}

/** Compiles files that nobody will ask about again: `validate`, `diff` and `plan` without a controller. */
export function compileFiles(
  files: Iterable<SourceFile>,
  options: { readonly root: string; readonly source?: string; readonly snapshot?: string },
): Compiled {
  const workspace = new Workspace(options.source ?? 'folder', options.root);
  workspace.update(files);
  return workspace.compile(options.snapshot ?? '');
}

/** A file that is in doubt still declares, as far as anybody knows, what it declared before. */
function rememberedNames(file: ManifestFile, before: KeptFile | undefined): string[] {
  if (before === undefined || !file.doubtful) return [];
  const named = new Set([...file.brokenServices, ...file.manifests.map(({ name }) => name)]);
  const earlier = [
    ...before.file.manifests.filter(({ kind }) => kind === 'Service').map(({ name }) => name),
    ...before.file.brokenServices,
    ...before.remembered,
  ];
  return [...new Set(earlier.filter((name) => !named.has(name)))];
}

function groupByName(files: readonly ManifestFile[], kind: Manifest['kind']): Map<string, Manifest[]> {
  const groups = new Map<string, Manifest[]>();
  for (const file of files) {
    for (const manifest of file.manifests) {
      if (manifest.kind !== kind) continue;
      const present = groups.get(manifest.name);
      if (present === undefined) groups.set(manifest.name, [manifest]);
      else present.push(manifest);
    }
  }
  return groups;
}

function sameManifests(a: ReadonlyMap<string, readonly Manifest[]>, b: ReadonlyMap<string, readonly Manifest[]>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, manifests] of a) {
    const others = b.get(name);
    if (others?.length !== manifests.length || !manifests.every((manifest, index) => manifest === others[index])) return false;
  }
  return true;
}

function duplicateIssue(manifest: Manifest, all: readonly Manifest[]): Issue {
  const others = all.filter((other) => other !== manifest).map(place);
  return toIssue(
    {
      code: 'DuplicateService',
      severity: 'error',
      message: `The Service \`${manifest.name}\` is also declared in ${others.join(', ')}; neither is taken.`,
      path: ['metadata', 'name'],
      expected: 'a name of its own',
    },
    manifest.file,
    locateInManifest(manifest),
    manifest.name,
  );
}
